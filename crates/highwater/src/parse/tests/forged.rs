//! Naive variants: what is kept, altered before the next command reads it so that one kind of change goes unseen, as if nobody had
//! thought of it.

use crate::parse::index::{Index, Place};
use crate::parse::{package, read_part};
use crate::project::stamp::Stamp;
use crate::project::{self, FileKind, Found, Listing, Project};

/// What a variant does not look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Naive {
    /// Nothing is wrong; as much time passes as makes stamps trustworthy.
    Right,
    Macros,
    Properties,
    Models,
    Seeds,
    Docs,
    Environment,
    Settings,
    /// Files that ask the clock are read once.
    Clock,
    /// Warnings are lost.
    Warnings,
    /// A file is as it was when size and time of change are.
    ChangeTime,
    /// Stamps are trusted however fresh the file was, on a file system whose clock ticks every two seconds.
    FreshStamps,
}

impl Naive {
    pub const WRONG: [Self; 11] = [
        Self::Macros,
        Self::Properties,
        Self::Models,
        Self::Seeds,
        Self::Docs,
        Self::Environment,
        Self::Settings,
        Self::Clock,
        Self::Warnings,
        Self::ChangeTime,
        Self::FreshStamps,
    ];

    /// The seed of random edits that shows it soonest.
    pub fn seed(self) -> u64 {
        match self {
            Self::Right => 0,
            Self::Macros => 1001,
            Self::Properties => 1027,
            Self::Models => 1012,
            Self::Seeds => 1052,
            Self::Docs => 1028,
            Self::Environment => 1011,
            Self::Settings => 1029,
            Self::Clock => 1036,
            Self::Warnings => 1013,
            Self::ChangeTime => 1026,
            Self::FreshStamps => 1001,
        }
    }

    /// Whether a change of this file goes unseen; `before` is its stamp at the last command.
    fn overlooks(self, found: &Found, before: Option<Stamp>) -> bool {
        use FileKind as Kind;
        let Some((now, before)) = found.stamp.zip(before) else { return false };
        let near = |left: (i64, i64), right: (i64, i64)| (left.0 - right.0).abs() <= 2;
        match self {
            Self::Macros => found.kind == Kind::Macro,
            Self::Properties => found.kind == Kind::Properties,
            Self::Models => found.kind == Kind::Model,
            Self::Seeds => found.kind == Kind::Seed,
            Self::Docs => found.kind == Kind::Docs,
            Self::ChangeTime => now.size == before.size && now.modified == before.modified,
            Self::FreshStamps => {
                now.size == before.size && near(now.modified, before.modified) && near(now.changed, before.changed)
            }
            _ => false,
        }
    }
}

/// Stamps at the last command, in the order of the listing.
pub(super) type Stamps = Vec<(String, Option<Stamp>)>;

/// The stamps of now.
pub(super) fn stamps(listing: &Listing) -> Stamps {
    listing.files.iter().map(|found| (found.path.clone(), found.stamp)).collect()
}

/// Alters what is kept; `before` are the stamps at the last command.
pub(super) fn forge(naive: Naive, settings: &Project, before: &Stamps) {
    let Some(place) = Place::of(settings) else { return };
    let Some(mut index) = read_part::<Index>(&place.index()) else { return };
    let listing = Listing::of(settings);
    for record in &mut index.files {
        let Some(found) = listing.files.iter().find(|found| record.is_of(found)) else { continue };
        let stamp = before.iter().find(|(path, _)| *path == found.path).and_then(|(_, stamp)| *stamp);
        let Some((checksum, margins)) = project::digest(&package(settings, found).root, found) else { continue };
        // What an earlier, failing command saw of a file is not what is kept of it.
        let unchanged = found.stamp == stamp && checksum == record.checksum && margins == record.margins;
        if unchanged || naive.overlooks(found, stamp) {
            record.stamp = found.stamp;
            (record.checksum, record.margins) = (checksum, margins);
        }
    }
    match naive {
        Naive::Environment => index.environment.clear(),
        Naive::Settings => index.key.clone_from(&place.key),
        Naive::Clock => index.moving.clear(),
        Naive::Warnings => index.warnings.warnings.clear(),
        _ => {}
    }
    index.write(&place).expect("written");
}
