//! Why a backfill was not planned, applied or undone. The tables are as they were when one of these comes back.

use crate::diagnostics::Diagnostic;
use crate::exact::ExactError;

/// Why a step of a backfill was not taken.
#[derive(Debug, Clone, thiserror::Error)]
pub enum BackfillError {
    /// The exact strategy, or the engine under it, refused.
    #[error(transparent)]
    Exact(#[from] ExactError),
    /// There is no such backfill, or its file cannot be read.
    #[error("there is no backfill {id}: {reason}")]
    Unknown {
        /// What was asked for.
        id: String,
        /// What was found instead.
        reason: String,
    },
    /// The plan is not the one that its hash was made of.
    #[error("the plan of backfill {id} was edited: its content has the hash {found}")]
    Edited {
        /// The backfill.
        id: String,
        /// The hash of the content.
        found: String,
    },
    /// Fewer people agreed than the project wants.
    #[error("backfill {id} has {have} of {want} approvals")]
    Unapproved {
        /// The backfill.
        id: String,
        /// Names in the file.
        have: usize,
        /// What the models' configuration wants.
        want: u32,
    },
    /// The plan is too old.
    #[error("the plan of backfill {id} is {days} days old, and expired after {allowed}")]
    Expired {
        /// The backfill.
        id: String,
        /// Its age.
        days: i64,
        /// What the models' configuration allows.
        allowed: u32,
    },
    /// Something that the plan rests on has changed since.
    #[error("what backfill {id} was planned on has changed")]
    Moved {
        /// The backfill.
        id: String,
        /// What, line by line.
        what: Vec<String>,
        /// Whether rows are staged that resuming would restage.
        staged: bool,
    },
    /// Another backfill has begun on a model.
    #[error("backfill {other} is open on {model}")]
    Open {
        /// The other backfill.
        other: String,
        /// The model's label.
        model: String,
    },
    /// Staged rows failed their audit.
    #[error("the staged rows of backfill {id} failed their audit")]
    Audit {
        /// The backfill.
        id: String,
        /// What failed.
        failures: Vec<String>,
    },
    /// The step does not follow from where the backfill is.
    #[error("backfill {id} is {state}: it cannot be {step}")]
    OutOfTurn {
        /// The backfill.
        id: String,
        /// Where it is.
        state: &'static str,
        /// What was asked for, as in "rolled back".
        step: &'static str,
        /// What can be done.
        help: String,
    },
    /// The model, or this range of it, cannot be rebuilt by partitions.
    #[error("{model} cannot be backfilled: {reason}")]
    Impossible {
        /// The model's label.
        model: String,
        /// Why not.
        reason: String,
        /// What to do.
        help: String,
    },
    /// There is nothing to do.
    #[error("nothing to backfill: {reason}")]
    Nothing {
        /// Why.
        reason: String,
    },
    /// What was asked for cannot be read.
    #[error("{problem}")]
    Request {
        /// What is wrong.
        problem: String,
    },
    /// Partitions were written since they were published.
    #[error("backfill {id} cannot be rolled back: {what}")]
    Overtaken {
        /// The backfill.
        id: String,
        /// Which.
        what: String,
    },
    /// Its old rows are kept no longer.
    #[error("backfill {id} cannot be rolled back: its old rows were kept until {until}")]
    TooLate {
        /// The backfill.
        id: String,
        /// The last day.
        until: String,
    },
    /// Somebody asked it to stop; its steps are taken back to a finished batch, and [`super::apply`] answers with that.
    #[error("the backfill was paused")]
    Paused,
    /// Another process is at work on it.
    #[error("another process is at work on backfill {id}")]
    Busy {
        /// The backfill.
        id: String,
        /// Who, where the engine tells.
        holder: Option<String>,
    },
}

impl BackfillError {
    /// There is nothing to do.
    pub(crate) fn nothing(reason: impl Into<String>) -> Self {
        Self::Nothing { reason: reason.into() }
    }

    /// What the user sees.
    pub fn diagnostic(&self) -> Diagnostic {
        let title = self.to_string();
        match self {
            Self::Exact(error) => error.diagnostic(),
            Self::Unknown { .. } => Diagnostic::error("HW0801", title).help("hw backfill list shows those there are"),
            Self::Edited { id, .. } => Diagnostic::error("HW0802", title)
                .note("approvals are for what was reviewed, to the letter")
                .help(format!("take the file backfills/{id}.json from git as it was planned, or plan again")),
            Self::Unapproved { id, .. } => Diagnostic::error("HW0803", title)
                .note("meta.highwater.backfill.approvals of its models says how many are wanted")
                .help(format!("hw backfill approve {id} --name NAME, by someone who has read backfills/{id}.md")),
            Self::Expired { .. } => Diagnostic::error("HW0804", title)
                .note("meta.highwater.backfill.expires of its models says how many days a plan lasts")
                .help("plan it again: hw backfill plan"),
            Self::Moved { id, what, staged } => {
                let mut diagnostic = Diagnostic::error("HW0805", title);
                for line in what {
                    diagnostic = diagnostic.note(line.clone());
                }
                diagnostic = diagnostic.note("nothing was swapped");
                if *staged {
                    diagnostic
                        .help(format!("stage anew what moved and go on: hw backfill resume {id}"))
                        .help(format!("or give it up: hw backfill abandon {id}"))
                } else {
                    diagnostic.help(format!(
                        "plan it again: hw backfill plan, after hw backfill abandon {id} if it was rolled back"
                    ))
                }
            }
            Self::Open { other, .. } => Diagnostic::error("HW0806", title)
                .help(format!("finish it, or give it up: hw backfill show {other}, hw backfill abandon {other}")),
            Self::Audit { id, failures } => {
                let mut diagnostic = Diagnostic::error("HW0807", title);
                for line in failures {
                    diagnostic = diagnostic.note(line.clone());
                }
                diagnostic
                    .note("nobody has seen these rows: nothing was swapped")
                    .help(format!(
                        "mend the data, or state a wider tolerance where the movement is meant, then hw backfill resume {id}; \
                         mend the query, then hw backfill abandon {id} and plan again"
                    ))
            }
            Self::OutOfTurn { help, .. } => Diagnostic::error("HW0808", title).help(help.clone()),
            Self::Impossible { help, .. } => Diagnostic::error("HW0809", title).help(help.clone()),
            Self::Nothing { .. } => Diagnostic::error("HW0810", title)
                .help("name a range with --from and --to, partitions with --partitions, or see what is dirty: hw plan"),
            Self::Request { .. } => Diagnostic::error("HW0811", title).help("hw help backfill shows how it is written"),
            Self::TooLate { id, .. } => Diagnostic::error("HW0813", title)
                .note("meta.highwater.backfill.keep of its models says for how many days they are kept")
                .help(format!("plan another, with the values you want back: hw backfill show {id}")),
            Self::Overtaken { id, .. } => Diagnostic::error("HW0813", title)
                .note("nothing was put back")
                .help(format!("leave it as it is, or plan another: hw backfill show {id}")),
            Self::Paused => Diagnostic::error("HW0808", title).help("hw backfill resume ID goes on"),
            Self::Busy { holder, .. } => {
                let diagnostic = Diagnostic::error("HW0814", title);
                let diagnostic = match holder {
                    Some(holder) => diagnostic.note(holder.clone()),
                    None => diagnostic,
                };
                diagnostic.help("hw backfill status shows how far it is")
            }
        }
    }
}
