//! What happens while a backfill is applied: a bar with the time left on a terminal, lines in a log.

use std::cell::{Cell, RefCell};
use std::time::{Duration, Instant};

use highwater::backfill::Event;
use indicatif::{ProgressBar, ProgressStyle};

use super::Ui;
use super::words::{bad, count, faint, roughly, seconds, strong};
use crate::arguments::LogLevel;
use crate::pace::{Pace, PaceFile};

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// Tells what happens.
pub struct Progress {
    ui: Ui,
    bar: Option<ProgressBar>,
    since: Instant,
    /// Batches of this process.
    batches: Cell<u32>,
    /// What others are told.
    pace: RefCell<Pace>,
    file: PaceFile,
}

impl Progress {
    /// Progress that begins now; `file` tells others of it.
    pub fn new(ui: &Ui, file: PaceFile) -> Self {
        let bar = ui.interactive().then(|| {
            // How many batches there are is known with the first of them.
            let bar = ProgressBar::new(0).with_style(style("{spinner} {wide_msg}"));
            bar.set_message("looking at what the plan saw");
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        });
        Self { ui: ui.clone(), bar, since: Instant::now(), batches: Cell::new(0), pace: RefCell::default(), file }
    }

    /// Takes one event.
    pub fn tell(&self, event: &Event) {
        match event {
            Event::Staged { model, done, of, rows, canary, seconds: took } => {
                let left = self.left(of.saturating_sub(*done));
                let what = if *canary { "canary of" } else { "staged" };
                self.pace(&format!("{what} {model}"), Some((*done, *of, left)));
                let left = if left < 1.0 { String::new() } else { faint(&format!("  about {} left", roughly(left))) };
                let rows = count(*rows, "row");
                match &self.bar {
                    Some(bar) => {
                        bar.set_style(style("{bar:20} {pos}/{len} {wide_msg}").progress_chars("━╸─"));
                        bar.set_length(*of);
                        bar.set_position(*done);
                        let audits = if done == of { "  auditing" } else { &left };
                        bar.set_message(format!("{what} {model}, {rows}{audits}"));
                    }
                    None => {
                        self.line(&format!("{done} of {of}  {what} {model}  {rows}  {}{left}", seconds(*took)));
                    }
                }
            }
            Event::Audited { model, canary, failures } if failures.is_empty() => {
                let canary = if *canary { "the canary of " } else { "" };
                self.pace(&format!("audited {canary}{model}"), None);
                self.line(&format!("audited {canary}{}", strong(model)));
            }
            Event::Audited { model, canary, failures } => {
                let model = if *canary { format!("the canary of {model}") } else { model.clone() };
                self.line(&format!("{} {model}: {}", bad("failed its audit:"), failures.join("; ")));
            }
            Event::Published => {
                self.pace("published", None);
                self.line("published");
                self.doing("comparing with a rebuild");
            }
            Event::Verified { model, equal: true } => {
                self.line(&format!("verified {}: equal to a rebuild", strong(model)));
            }
            Event::Verified { model, equal: false } => {
                self.line(&format!("{} {model}", bad("differs from a rebuild:")));
            }
        }
    }

    /// After one more batch: the seconds that those left take, if they take as long.
    fn left(&self, left: u64) -> f64 {
        self.batches.set(self.batches.get() + 1);
        let each = self.since.elapsed().as_secs_f64() / f64::from(self.batches.get());
        #[expect(clippy::cast_precision_loss, reason = "an estimate")]
        let left = each * left as f64;
        left
    }

    /// Tells others.
    fn pace(&self, step: &str, batches: Option<(u64, u64, f64)>) {
        let mut pace = self.pace.borrow_mut();
        pace.process = std::process::id();
        step.clone_into(&mut pace.step);
        pace.at = jiff::Timestamp::now().strftime("%Y-%m-%d %H:%M:%S").to_string();
        pace.seconds_left = batches.map(|(.., left)| left);
        if let Some((done, of, _)) = batches {
            (pace.done, pace.of) = (done, of);
        }
        self.file.write(&pace);
    }

    /// What takes time now, below the lines.
    fn doing(&self, what: &str) {
        if let Some(bar) = &self.bar {
            bar.set_style(style("{spinner} {wide_msg}"));
            bar.set_message(what.to_owned());
        }
    }

    fn line(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.println(self.ui.fit(text)),
            None => self.ui.say(LogLevel::Info, "Backfill", text),
        }
    }

    /// What to say, from another thread, when somebody asks for a stop.
    pub fn stopping(&self) -> impl Fn() + Send + 'static {
        let (ui, bar) = (self.ui.clone(), self.bar.clone());
        move || {
            let text = "stopping behind the batch at work; again to stop at once";
            match &bar {
                Some(bar) => bar.println(ui.fit(text)),
                None => ui.say(LogLevel::Info, "Backfill", text),
            }
        }
    }

    /// Takes the bar away, and what others were told.
    pub fn close(&self) {
        self.file.remove();
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
