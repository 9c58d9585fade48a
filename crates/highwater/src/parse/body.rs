//! What is kept of a manifest: configurations and texts once however many nodes share them, nodes in chunks that are read as bytes, what is
//! known of nodes without decoding them, and the rest.

use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::sync::Arc;

use rayon::prelude::*;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::frame::{self, Reader, Writer};
use crate::manifest::{Bare, Config, LazyNode, Manifest, Node, NodeMap, Outdated, Outline, Shelf};

/// Nodes in a part of the file, and parts in memory at once when they are written.
const CHUNK: usize = 256;
const ROUND: usize = 16;

/// Small things in a part of the file: configurations, texts, outlines.
const MANY: usize = 2048;

/// What stands before everything.
#[derive(Serialize, Deserialize)]
struct Head {
    /// The same as the index's.
    number: String,
    /// How many parts with configurations follow behind the manifest.
    configs: usize,
    /// How many nodes there are, and how many that are disabled.
    nodes: usize,
    disabled: usize,
}

/// Writes a manifest, which is as before afterwards.
///
/// # Errors
/// Those of the file system.
pub(super) fn write(path: &Path, number: &str, manifest: &mut Manifest) -> io::Result<()> {
    let mut pool = Pool::default();
    let nodes = pool.strip(&mut manifest.nodes);
    let disabled = pool.strip(&mut manifest.disabled);
    let written = frame::write(path, |writer| {
        let head = Head {
            number: number.to_owned(),
            configs: pool.configs.chunks(MANY).count(),
            nodes: nodes.len(),
            disabled: disabled.len(),
        };
        writer.part(&frame::encode(&head)?)?;
        writer.part(&frame::encode(&*manifest)?)?;
        put(writer, &pool.configs)?;
        let lengths = [put_nodes(writer, &manifest.nodes, &nodes)?, put_nodes(writer, &manifest.disabled, &disabled)?];
        let mut texts = Texts::default();
        let nodes = manifest.nodes.values().chain(manifest.disabled.values());
        let outlines: Vec<Outline> =
            nodes.zip(lengths.concat()).map(|(node, length)| texts.outline(node, length)).collect();
        writer.part(&frame::encode(&texts.texts.chunks(MANY).count())?)?;
        put(writer, &texts.texts)?;
        put(writer, &outlines)
    });
    pool.dress(&mut manifest.nodes, &nodes);
    pool.dress(&mut manifest.disabled, &disabled);
    written
}

/// Writes small things, many in a part.
fn put<T: Serialize>(writer: &mut Writer<'_>, items: &[T]) -> io::Result<()> {
    items.chunks(MANY).try_for_each(|chunk| writer.part(&frame::encode(&chunk)?))
}

/// Writes nodes whose configurations stand at these places; the bytes of each are the answer.
fn put_nodes(writer: &mut Writer<'_>, nodes: &NodeMap, places: &[(u32, u32)]) -> io::Result<Vec<u32>> {
    let bare: Vec<Bare<&Node>> =
        nodes.values().zip(places).map(|(node, (config, unrendered))| (*config, *unrendered, node.as_ref())).collect();
    let encode = |chunk: &[Bare<&Node>]| {
        let (mut bytes, mut lengths) = (Vec::new(), Vec::with_capacity(chunk.len()));
        for node in chunk {
            let start = bytes.len();
            frame::encode_into(&mut bytes, node)?;
            lengths.push(u32::try_from(bytes.len() - start).map_err(io::Error::other)?);
        }
        Ok((bytes, lengths))
    };
    let mut all = Vec::with_capacity(bare.len());
    for round in bare.chunks(CHUNK * ROUND) {
        let parts: Vec<io::Result<(Vec<u8>, Vec<u32>)>> = round.par_chunks(CHUNK).map(encode).collect();
        for part in parts {
            let (bytes, lengths) = part?;
            writer.part(&bytes)?;
            all.extend(lengths);
        }
    }
    Ok(all)
}

/// Texts, each once.
#[derive(Default)]
struct Texts<'a> {
    texts: Vec<&'a str>,
    places: HashMap<&'a str, u32>,
}

impl<'a> Texts<'a> {
    fn outline(&mut self, node: &'a Node, length: u32) -> Outline {
        Outline::new(node, length, &mut |text| self.place(text))
    }

    fn place(&mut self, text: &'a str) -> u32 {
        *self.places.entry(text).or_insert_with(|| {
            self.texts.push(text);
            u32::try_from(self.texts.len() - 1).expect("fewer texts than that fit into memory")
        })
    }
}

/// Configurations, each once.
#[derive(Default)]
struct Pool {
    configs: Vec<Config>,
    places: HashMap<usize, u32>,
}

impl Pool {
    /// Takes the configurations out of nodes; their positions are the answer.
    fn strip(&mut self, nodes: &mut NodeMap) -> Vec<(u32, u32)> {
        let strip = |node: &mut LazyNode| {
            let config = self.put(std::mem::take(&mut node.config));
            (config, self.put(std::mem::take(&mut node.unrendered_config)))
        };
        nodes.values_mut().map(strip).collect()
    }

    fn put(&mut self, config: Config) -> u32 {
        *self.places.entry(config.place()).or_insert_with(|| {
            self.configs.push(config);
            u32::try_from(self.configs.len() - 1).expect("fewer nodes than that fit into memory")
        })
    }

    /// Puts them back.
    fn dress(&self, nodes: &mut NodeMap, places: &[(u32, u32)]) {
        for (node, (config, unrendered)) in nodes.values_mut().zip(places) {
            node.config = self.configs[*config as usize].clone();
            node.unrendered_config = self.configs[*unrendered as usize].clone();
        }
    }
}

/// Reads a manifest, its nodes as bytes.
///
/// # Errors
/// When there is none, or it is not the one with this number.
pub(super) fn read(path: &Path, number: &str) -> Result<Manifest, Outdated> {
    manifest(path, number).ok_or(Outdated("the nodes that are kept are of no use"))
}

fn manifest(path: &Path, number: &str) -> Option<Manifest> {
    let mut reader = Reader::open(path)?;
    let head: Head = frame::decode(&reader.part()?)?;
    if head.number != number {
        return None;
    }
    let rest = reader.part()?;
    let configs = parts(&mut reader, head.configs)?;
    let in_chunks = |nodes: usize| nodes.div_ceil(CHUNK);
    let chunks = parts(&mut reader, in_chunks(head.nodes).checked_add(in_chunks(head.disabled))?)?;
    let count: usize = frame::decode(&reader.part()?)?;
    let texts = parts(&mut reader, count)?;
    let outlines = parts(&mut reader, head.nodes.checked_add(head.disabled)?.div_ceil(MANY))?;
    reader.end()?;

    let mut manifest: Manifest = frame::decode(&rest)?;
    let (outlines, (configs, texts)) =
        rayon::join(|| items::<Outline>(&outlines), || rayon::join(|| items(&configs), || items(&texts)));
    let shelf = Arc::new(Shelf { texts: texts?, configs: configs?, chunks });
    let mut outlines = outlines?;
    if outlines.len() != head.nodes + head.disabled {
        return None;
    }
    let disabled = outlines.split_off(head.nodes);
    manifest.nodes = shelved(&shelf, outlines, 0)?;
    manifest.disabled = shelved(&shelf, disabled, in_chunks(head.nodes))?;
    Some(manifest)
}

/// Nodes that stand one behind the other from a chunk on.
fn shelved(shelf: &Arc<Shelf>, outlines: Vec<Outline>, first: usize) -> Option<NodeMap> {
    let mut nodes = NodeMap::with_capacity(outlines.len());
    let mut start = 0;
    for (position, outline) in outlines.into_iter().enumerate() {
        if position % CHUNK == 0 {
            start = 0;
        }
        let id = shelf.texts.get(outline.id as usize)?.clone();
        let length = outline.length as usize;
        nodes.insert(id, LazyNode::kept(shelf, outline, first + position / CHUNK, start)?);
        start += length;
    }
    Some(nodes)
}

fn parts(reader: &mut Reader, count: usize) -> Option<Vec<Vec<u8>>> {
    (0..count).map(|_| reader.part()).collect()
}

/// What parts hold, decoded at once.
fn items<T: DeserializeOwned + Send>(parts: &[Vec<u8>]) -> Option<Vec<T>> {
    let parts: Vec<Vec<T>> = parts.par_iter().map(|part| frame::decode(part)).collect::<Option<_>>()?;
    Some(parts.into_iter().flatten().collect())
}
