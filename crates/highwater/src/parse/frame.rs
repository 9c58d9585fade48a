//! A file of ours: a head that says what it is and in which version, parts, a sum over everything. Whatever is not exactly so, because it
//! was cut short, altered or written by another version, is as good as no file.

use std::io::{self, Write};
use std::path::Path;

/// What the files are, and the version of their format.
const HEAD: &[u8; 16] = b"highwater parse1";

/// Parts being written.
pub(super) struct Writer<'a> {
    out: &'a mut dyn Write,
    sum: crc32fast::Hasher,
}

impl Writer<'_> {
    /// Writes a part behind its length.
    pub fn part(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.put(&(bytes.len() as u64).to_le_bytes())?;
        self.put(bytes)
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.sum.update(bytes);
        self.out.write_all(bytes)
    }
}

/// Writes a file of the parts that `fill` writes.
pub(super) fn write(path: &Path, fill: impl FnOnce(&mut Writer<'_>) -> io::Result<()>) -> io::Result<()> {
    crate::artifacts::try_replace(path, |out| {
        let mut writer = Writer { out, sum: crc32fast::Hasher::new() };
        writer.put(HEAD)?;
        fill(&mut writer)?;
        let sum = writer.sum.finalize();
        out.write_all(&sum.to_le_bytes())
    })
    .map(drop)
}

/// The parts of a file; nothing when it is not whole.
pub(super) fn parts(file: &[u8]) -> Option<Vec<&[u8]>> {
    let (content, sum) = file.split_last_chunk::<4>()?;
    let mut rest = content.strip_prefix(HEAD)?;
    if crc32fast::hash(content).to_le_bytes() != *sum {
        return None;
    }
    let mut parts = Vec::new();
    while !rest.is_empty() {
        let (length, behind) = rest.split_first_chunk::<8>()?;
        let length = usize::try_from(u64::from_le_bytes(*length)).ok()?;
        let (part, behind) = behind.split_at_checked(length)?;
        parts.push(part);
        rest = behind;
    }
    Some(parts)
}

/// Data as bytes.
pub(super) fn encode(value: &impl serde::Serialize) -> io::Result<Vec<u8>> {
    rmp_serde::to_vec(value).map_err(io::Error::other)
}

/// Data from bytes; nothing when they are not such data.
pub(super) fn decode<'a, T: serde::Deserialize<'a>>(bytes: &'a [u8]) -> Option<T> {
    rmp_serde::from_slice(bytes).ok()
}
