//! What is kept of a manifest: nodes in chunks, configurations once however many nodes share them, and the rest.

use std::collections::HashMap;
use std::io;
use std::path::Path;

use indexmap::IndexMap;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::frame;
use crate::manifest::{Config, Manifest, Node, Outdated};

/// Nodes in a part of the file, and parts in memory at once.
const CHUNK: usize = 256;
const ROUND: usize = 16;

/// What stands before the nodes.
#[derive(Serialize, Deserialize)]
struct Head {
    /// The same as the index's.
    number: String,
    /// How many parts with configurations follow, and how many with nodes; those of nodes that are disabled come last.
    configs: usize,
    nodes: usize,
}

/// A node with the positions of its configurations, which are left out of it.
type Bare<N> = (u32, u32, N);

/// Writes a manifest, which is as before afterwards.
///
/// # Errors
/// Those of the file system.
pub(super) fn write(path: &Path, number: &str, manifest: &mut Manifest) -> io::Result<()> {
    let mut pool = Pool::default();
    let nodes = pool.strip(&mut manifest.nodes);
    let disabled = pool.strip(&mut manifest.disabled);
    let written = frame::write(path, |writer| {
        let configs: Vec<&[Config]> = pool.configs.chunks(CHUNK).collect();
        let bare = |places: &[(u32, u32)], nodes: &IndexMap<String, Node>| -> Vec<(usize, usize)> {
            debug_assert_eq!(places.len(), nodes.len());
            (0..nodes.len()).step_by(CHUNK).map(|start| (start, (start + CHUNK).min(nodes.len()))).collect()
        };
        let (enabled_chunks, disabled_chunks) = (bare(&nodes, &manifest.nodes), bare(&disabled, &manifest.disabled));
        let head = Head { number: number.to_owned(), configs: configs.len(), nodes: enabled_chunks.len() };
        writer.part(&frame::encode(&head)?)?;
        writer.part(&frame::encode(&*manifest)?)?;
        for round in configs.chunks(ROUND) {
            let parts: Vec<io::Result<Vec<u8>>> = round.par_iter().map(frame::encode).collect();
            parts.into_iter().try_for_each(|part| writer.part(&part?))?;
        }
        for (chunks, places, of) in
            [(enabled_chunks, &nodes, &manifest.nodes), (disabled_chunks, &disabled, &manifest.disabled)]
        {
            for round in chunks.chunks(ROUND) {
                let encode = |(start, end): &(usize, usize)| {
                    let chunk = (*start..*end).map(|position| (places[position].0, places[position].1, &of[position]));
                    frame::encode(&chunk.collect::<Vec<Bare<&Node>>>())
                };
                let parts: Vec<io::Result<Vec<u8>>> = round.par_iter().map(encode).collect();
                parts.into_iter().try_for_each(|part| writer.part(&part?))?;
            }
        }
        Ok(())
    });
    pool.dress(&mut manifest.nodes, &nodes);
    pool.dress(&mut manifest.disabled, &disabled);
    written
}

/// Configurations, each once.
#[derive(Default)]
struct Pool {
    configs: Vec<Config>,
    places: HashMap<usize, u32>,
}

impl Pool {
    /// Takes the configurations out of nodes; their positions are the answer.
    fn strip(&mut self, nodes: &mut IndexMap<String, Node>) -> Vec<(u32, u32)> {
        let strip = |node: &mut Node| {
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
    fn dress(&self, nodes: &mut IndexMap<String, Node>, places: &[(u32, u32)]) {
        for (node, (config, unrendered)) in nodes.values_mut().zip(places) {
            node.config = self.configs[*config as usize].clone();
            node.unrendered_config = self.configs[*unrendered as usize].clone();
        }
    }
}

/// Reads a manifest, without the relations between its nodes.
///
/// # Errors
/// When there is none, or it is not the one with this number.
pub(super) fn read(path: &Path, number: &str) -> Result<Manifest, Outdated> {
    let file = std::fs::read(path).map_err(|_| Outdated("no nodes are kept"))?;
    manifest(&file, number).ok_or(Outdated("the nodes that are kept are of no use"))
}

fn manifest(file: &[u8], number: &str) -> Option<Manifest> {
    let parts = frame::parts(file)?;
    let head: Head = frame::decode(parts.first()?)?;
    if head.number != number {
        return None;
    }
    let (configs, nodes) = parts.get(2..)?.split_at_checked(head.configs)?;
    let (nodes, disabled) = nodes.split_at_checked(head.nodes)?;
    let configs: Vec<Vec<Config>> = configs.par_iter().map(|part| frame::decode(part)).collect::<Option<_>>()?;
    let configs: Vec<Config> = configs.into_iter().flatten().collect();
    let mut manifest: Manifest = frame::decode(parts.get(1)?)?;
    manifest.nodes = dressed(nodes, &configs)?;
    manifest.disabled = dressed(disabled, &configs)?;
    Some(manifest)
}

/// Nodes with their configurations.
fn dressed(parts: &[&[u8]], configs: &[Config]) -> Option<IndexMap<String, Node>> {
    let chunk = |part: &&[u8]| -> Option<Vec<Node>> {
        let bare: Vec<Bare<Node>> = frame::decode(part)?;
        let dress = |(config, unrendered, mut node): Bare<Node>| {
            node.config = configs.get(config as usize)?.clone();
            node.unrendered_config = configs.get(unrendered as usize)?.clone();
            Some(node)
        };
        bare.into_iter().map(dress).collect()
    };
    let chunks: Vec<Vec<Node>> = parts.par_iter().map(chunk).collect::<Option<_>>()?;
    let mut nodes = IndexMap::with_capacity(chunks.iter().map(Vec::len).sum());
    nodes.extend(chunks.into_iter().flatten().map(|node| (node.unique_id.clone(), node)));
    Some(nodes)
}
