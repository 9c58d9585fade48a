//! The `manifest.json` of an earlier command, from which entries of nodes that are the same are taken as they stand there: of ten thousand
//! models it has ninety megabytes, and after one of them was edited, all but a few kilobytes are the same.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::project::stamp::Stamp;

/// What is known of the manifest that was parsed, from one command to the next.
#[derive(Debug, Clone)]
pub(crate) struct Lineage {
    /// Where the layout of `manifest.json` is kept.
    pub place: PathBuf,
    /// What is kept of the parse: the same number, the same nodes in the same order.
    pub number: String,
    /// Unique ids of the nodes that are not as they were then.
    pub changed: HashSet<String>,
    /// Whether everything that `manifest.json` has besides the nodes is as it was then.
    pub is_rest_same: bool,
}

/// Where everything stands in a `manifest.json`.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Layout {
    /// See [`Lineage`].
    pub number: String,
    /// The file's stamp. Nobody but us writes it, so that it need not be settled.
    pub stamp: Stamp,
    /// Bytes of each node's entry, its id included; nothing for those that are not as in the lineage.
    pub nodes: Vec<Option<Range<u64>>>,
    /// Where what follows the nodes begins, when it is as in the lineage.
    pub tail: Option<u64>,
}

/// The earlier file.
pub(super) struct Earlier {
    file: File,
    pub layout: Layout,
}

impl Earlier {
    /// Opens it; nothing when it is not the one that is known.
    pub fn open(path: &Path, lineage: &Lineage, nodes: usize) -> Option<Self> {
        let layout: Layout = crate::parse::read_part(&lineage.place)?;
        let file = File::open(path).ok()?;
        let same = layout.number == lineage.number
            && layout.nodes.len() == nodes
            && layout.stamp == Stamp::of(&file.metadata().ok()?);
        same.then_some(Self { file, layout })
    }

    /// Copies bytes of it.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn copy(&self, bytes: Range<u64>, out: &mut Counted<'_>) -> io::Result<()> {
        let mut file = &self.file;
        file.seek(SeekFrom::Start(bytes.start))?;
        let length = bytes.end - bytes.start;
        let copied = io::copy(&mut io::Read::take(file, length), out.out)?;
        out.at += copied;
        if copied == length { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    }
}

/// A file being written, and how much of it is.
pub(super) struct Counted<'a> {
    out: &'a mut BufWriter<File>,
    pub at: u64,
}

impl<'a> Counted<'a> {
    pub fn new(out: &'a mut BufWriter<File>) -> Self {
        Self { out, at: 0 }
    }
}

impl Write for Counted<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_all(bytes).map(|()| bytes.len())
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.at += bytes.len() as u64;
        self.out.write_all(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
