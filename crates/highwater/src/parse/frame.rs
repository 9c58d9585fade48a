//! A file of ours: a head that says what it is and in which version, parts, a sum over everything. Whatever is not exactly so, because it
//! was cut short, altered or written by another version, is as good as no file.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

/// What the files are, and the version of their format.
const HEAD: &[u8; 16] = b"highwater parse2";

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

/// Parts being read, one after the other, so that a large file need not be in memory. What they hold is worth nothing before
/// [`Reader::end`] has said that the file is whole.
pub(super) struct Reader {
    file: File,
    /// Bytes up to the sum.
    left: u64,
    sum: crc32fast::Hasher,
}

/// Bytes of the sum behind the parts.
const SUM: u64 = 4;

impl Reader {
    /// Opens a file; nothing when it is not one of ours.
    pub fn open(path: &Path) -> Option<Self> {
        let file = File::open(path).ok()?;
        let left = file.metadata().ok()?.len().checked_sub(SUM)?;
        let mut reader = Self { file, left, sum: crc32fast::Hasher::new() };
        (reader.take(HEAD.len() as u64)? == HEAD).then_some(reader)
    }

    /// The next part; nothing when there is none.
    pub fn part(&mut self) -> Option<Vec<u8>> {
        let length = self.take(8)?;
        self.take(u64::from_le_bytes(length.try_into().ok()?))
    }

    /// Something when all parts were read, and they are as they were written.
    pub fn end(mut self) -> Option<()> {
        let mut sum = [0; SUM as usize];
        self.file.read_exact(&mut sum).ok()?;
        (self.left == 0 && self.sum.finalize().to_le_bytes() == sum).then_some(())
    }

    fn take(&mut self, length: u64) -> Option<Vec<u8>> {
        self.left = self.left.checked_sub(length)?;
        let mut bytes = Vec::with_capacity(usize::try_from(length).ok()?);
        let read = Read::take(&self.file, length).read_to_end(&mut bytes).ok()?;
        self.sum.update(&bytes);
        (read as u64 == length).then_some(bytes)
    }
}

/// Data as bytes.
pub(super) fn encode(value: &impl serde::Serialize) -> io::Result<Vec<u8>> {
    rmp_serde::to_vec(value).map_err(io::Error::other)
}

/// Puts data behind bytes.
pub(super) fn encode_into(bytes: &mut Vec<u8>, value: &impl serde::Serialize) -> io::Result<()> {
    rmp_serde::encode::write(bytes, value).map_err(io::Error::other)
}

/// Data from bytes; nothing when they are not such data.
pub(super) fn decode<'a, T: serde::Deserialize<'a>>(bytes: &'a [u8]) -> Option<T> {
    rmp_serde::from_slice(bytes).ok()
}
