//! Whether a rendering depends on more than what it was given: on the moment, on chance, on the machine. What does not will come
//! out alike the next time, so that a caller may keep it.
//!
//! A rendering stays on its thread, and so does what is noted here.

use std::cell::Cell;

thread_local! {
    static IMPURE: Cell<bool> = const { Cell::new(false) };
}

/// Notes that what is being rendered would not come out alike another time. For functions and values of callers, too.
pub fn note_impure() {
    IMPURE.set(true);
}

/// Does some work; the second part of the answer is whether anything was noted meanwhile on this thread.
pub fn watch<T>(work: impl FnOnce() -> T) -> (T, bool) {
    let before = IMPURE.replace(false);
    let done = work();
    let noted = IMPURE.get();
    IMPURE.set(before || noted);
    (done, noted)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{Lookup, Options, Template, render};

    #[test]
    fn what_asks_the_clock_or_chance_is_noted() {
        let impure = |code: &str| {
            let template = Template::parse("a", code).expect("parses");
            let context: Arc<dyn Lookup> = Arc::new(|_: &str| None);
            watch(|| render(&template, &context, &Options::default()).map(|output| output.text)).1
        };
        for code in [
            "{{ [1, 2] | random }}",
            "{{ modules.datetime.datetime.now() }}",
            "{{ modules.datetime.datetime.utcnow() }}",
            "{{ modules.datetime.date.today() }}",
            "{{ modules.datetime.datetime.fromtimestamp(0) }}",
        ] {
            assert!(impure(code), "{code}");
        }
        for code in
            ["{{ [1, 2] | first }}", "{{ modules.datetime.date(2024, 1, 1) }}", "{{ modules.re.match('a', 'a') }}"]
        {
            assert!(!impure(code), "{code}");
        }
    }

    #[test]
    fn a_watch_within_a_watch_is_heard_by_both() {
        let (inner, outer) = watch(|| watch(note_impure).1);
        assert!(inner && outer);
        assert!(!watch(|| ()).1);
    }
}
