//! What the file system says of a file without opening it, and how much that is worth.

use std::fs::Metadata;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

/// Clocks of file systems tick in steps, up to two seconds wide: a file that was changed within the last of them can be
/// changed again and look the same.
const TICK: Duration = Duration::from_secs(2);

/// A file's size, times and number. Whoever changes a file changes one of these, except within one tick of the clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Stamp {
    pub size: u64,
    /// Last change of the content; a program may set it to whatever it likes.
    pub modified: Moment,
    /// Last change of anything about the file, which only the system sets; where there is none, as `modified`.
    pub changed: Moment,
    device: u64,
    inode: u64,
}

/// Seconds since 1970, and nanoseconds.
type Moment = (i64, i64);

impl Stamp {
    #[cfg(unix)]
    pub fn of(file: &Metadata) -> Self {
        use std::os::unix::fs::MetadataExt;
        Self {
            size: file.len(),
            modified: (file.mtime(), file.mtime_nsec()),
            changed: (file.ctime(), file.ctime_nsec()),
            device: file.dev(),
            inode: file.ino(),
        }
    }

    #[cfg(not(unix))]
    pub fn of(file: &Metadata) -> Self {
        let modified = file.modified().map(moment).unwrap_or((i64::MAX, 0));
        Self { size: file.len(), modified, changed: modified, device: 0, inode: 0 }
    }

    /// The stamp of the content alone: whoever gives a file one more name, as `cargo build` does with programs, changes the rest.
    pub fn of_content(file: &Metadata) -> Self {
        let stamp = Self::of(file);
        Self { changed: stamp.modified, ..stamp }
    }

    /// Whether it was taken long enough after the last change: a later one will show.
    pub fn is_settled(&self, taken_at: SystemTime) -> bool {
        let limit = moment(taken_at - TICK);
        self.modified < limit && self.changed < limit
    }
}

fn moment(time: SystemTime) -> Moment {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    (i64::try_from(since.as_secs()).unwrap_or(i64::MAX), i64::from(since.subsec_nanos()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_is_settled_once_the_clock_has_gone_on() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("a");
        std::fs::write(&path, "a").expect("written");
        let stamp = Stamp::of(&path.metadata().expect("metadata"));
        let now = SystemTime::now();
        assert!(!stamp.is_settled(now));
        assert!(stamp.is_settled(now + Duration::from_secs(5)));
        // Linked once more it is still the same content.
        std::thread::sleep(Duration::from_millis(20));
        std::fs::hard_link(&path, folder.path().join("b")).expect("linked");
        let linked = path.metadata().expect("metadata");
        assert_eq!(stamp.modified, Stamp::of_content(&linked).changed);
        assert_eq!(Stamp { changed: stamp.modified, ..stamp }, Stamp::of_content(&linked));
        // A file from the future never is.
        assert!(!stamp.is_settled(now - Duration::from_secs(3600)));
    }
}
