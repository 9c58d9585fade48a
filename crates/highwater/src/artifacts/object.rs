//! JSON written field by field into a buffer: a manifest of ten thousand models has a hundred megabytes, which no tree of
//! values should hold at once.

use std::io::{self, Write};

use rayon::prelude::*;
use serde::Serialize;

/// An object that is being written.
pub(super) struct Object<'a> {
    out: &'a mut Vec<u8>,
    empty: bool,
}

impl<'a> Object<'a> {
    pub fn new(out: &'a mut Vec<u8>) -> Self {
        out.push(b'{');
        Self { out, empty: true }
    }

    /// A field with this value.
    pub fn put(&mut self, key: &str, value: &(impl Serialize + ?Sized)) {
        self.key(key);
        write_value(self.out, value);
    }

    /// A field whose value is JSON already.
    pub fn put_json(&mut self, key: &str, json: &str) {
        self.key(key);
        self.out.extend_from_slice(json.as_bytes());
    }

    /// A field whose value is an object; `fill` writes its fields.
    pub fn put_object(&mut self, key: &str, fill: impl FnOnce(&mut Object<'_>)) {
        self.key(key);
        let mut object = Object::new(self.out);
        fill(&mut object);
        object.end();
    }

    pub fn end(self) {
        self.out.push(b'}');
    }

    fn key(&mut self, key: &str) {
        if !self.empty {
            self.out.push(b',');
        }
        self.empty = false;
        write_value(self.out, key);
        self.out.push(b':');
    }
}

fn write_value(out: &mut Vec<u8>, value: &(impl Serialize + ?Sized)) {
    serde_json::to_writer(out, value).expect("memory takes every byte, and keys of ours are text");
}

/// Writes an object with one entry for each item, many at a time; `fill` writes the fields of an entry.
///
/// # Errors
/// Those of `out`.
pub(super) fn write_section<T: Sync>(
    out: &mut impl Write,
    items: &[(&str, T)],
    fill: impl Fn(&T, &mut Object<'_>) + Sync,
) -> io::Result<()> {
    out.write_all(b"{")?;
    write_entries(out, items, fill)?;
    out.write_all(b"}")
}

/// Writes entries with a comma between any two; the lengths of the entries are the answer.
///
/// # Errors
/// Those of `out`.
pub(super) fn write_entries<T: Sync>(
    out: &mut impl Write,
    items: &[(&str, T)],
    fill: impl Fn(&T, &mut Object<'_>) + Sync,
) -> io::Result<Vec<u64>> {
    /// Entries that one thread writes at a time, and those in memory at once.
    const CHUNK: usize = 64;
    const ROUND: usize = CHUNK * 16;
    let entries = |chunk: &[(&str, T)]| {
        let (mut text, mut lengths) = (Vec::with_capacity(chunk.len() * 4096), Vec::with_capacity(chunk.len()));
        for (id, item) in chunk {
            text.push(b',');
            let start = text.len();
            write_value(&mut text, id);
            text.push(b':');
            let mut object = Object::new(&mut text);
            fill(item, &mut object);
            object.end();
            lengths.push((text.len() - start) as u64);
        }
        (text, lengths)
    };
    let mut all = Vec::with_capacity(items.len());
    for round in items.chunks(ROUND) {
        let written: Vec<(Vec<u8>, Vec<u64>)> = round.par_chunks(CHUNK).map(entries).collect();
        for (text, lengths) in written {
            out.write_all(if all.is_empty() { &text[1..] } else { &text })?;
            all.extend(lengths);
        }
    }
    Ok(all)
}
