//! `hw demo`: a small shop in a folder, and five steps told on it. Every number it prints is read from the database.

use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;
use highwater::diagnostics::Diagnostic;
use highwater::engine::{Connection, EngineError};
use highwater::exact::{Mode, SwapReport};
use highwater::manifest::graph;
use highwater::manifest::select::Selection;
use highwater::project::LoadOptions;
use highwater::run::{self, Command, RunOptions};
use highwater::session::Session;
use highwater::verify::{self, Outcome as Finding, VerifyOptions};
use jiff::ToSpan;
use jiff::civil::{Date, DateTime, date};

use super::exact;
use crate::arguments::GlobalArguments;
use crate::demo::files;
use crate::demo::naive;
use crate::demo::shop::{Shop, Trouble};
use crate::exit::{Exit, Failure, Outcome};
use crate::ui::Ui;
use crate::ui::words::{bad, count, good, strong, thousands};

/// The first day of the shop's orders.
const FIRST_DAY: Date = date(2026, 9, 23);
/// Days of orders before the first run.
const DAYS: i64 = 60;
/// The day on which the story takes place.
const TODAY: Date = date(2026, 11, 22);
/// The day of which orders arrive late.
const LATE_DAY: Date = date(2026, 11, 2);
/// The days of which the prices were wrong.
const WRONG_PRICES: (Date, Date) = (date(2026, 10, 8), date(2026, 10, 14));
/// Orders of an ordinary day, of today, and late ones.
const ORDERS: (usize, usize, usize) = (206, 331, 30);
const CUSTOMERS: i64 = 3_000;
const SEED: u64 = 20_261_122;

/// Builds a small shop in a folder and shows on it what exact means, in five steps
#[derive(Debug, Args)]
pub struct Arguments {
    /// Folder to write the project into; it must not hold anything yet
    #[arg(long, value_name = "DIR", default_value = "highwater-demo")]
    folder: PathBuf,
}

/// Tells the story.
///
/// # Errors
/// When the folder is in use, or a step cannot be done.
pub fn execute(arguments: &Arguments, global: &GlobalArguments, ui: &Ui) -> Outcome {
    let folder = &arguments.folder;
    prepare(folder).map_err(Failure::Problems)?;
    // The profile names its database relative to the current folder, as dbt has it.
    std::env::set_current_dir(folder).map_err(|error| unwritable(folder, &error))?;
    let session = Session::open(&LoadOptions {
        project_dir: PathBuf::from("."),
        threads: global.threads.map(usize::from),
        ..LoadOptions::default()
    })?;
    let engine = session.engine()?;
    let connection = engine.connect().map_err(|error| exact::refused(&error))?;
    let (shop, sql) = Shop::open(SEED, CUSTOMERS, FIRST_DAY.at(0, 0, 0, 0));
    let mut story = Story { ui, session: &session, connection, shop };
    story.write(&sql)?;
    let told = story.tell();
    drop(story);
    told?;
    ui.answer(&format!("\nlook around:    hw plan, hw explain fct_orders, hw verify      (in {})\n", shown(folder)))?;
    Ok(Exit::Ok)
}

/// Writes the project.
fn prepare(folder: &Path) -> Result<(), Vec<Diagnostic>> {
    if folder.read_dir().is_ok_and(|mut entries| entries.next().is_some()) {
        let problem = Diagnostic::error("HW0640", format!("the folder {} is not empty", shown(folder)))
            .help("remove it, or name another one: hw demo --folder DIR");
        return Err(vec![problem]);
    }
    files::write(folder).map_err(|error| vec![unwritable(folder, &error)])
}

fn unwritable(folder: &Path, error: &std::io::Error) -> Diagnostic {
    Diagnostic::error("HW0641", format!("cannot write into {}: {error}", shown(folder)))
        .help("name a folder that can be written: hw demo --folder DIR")
}

/// The folder as people would type it.
fn shown(folder: &Path) -> String {
    let text = folder.display().to_string();
    if folder.is_absolute() || text.starts_with('.') { text } else { format!("./{text}") }
}

/// What the steps work with.
struct Story<'a> {
    ui: &'a Ui,
    session: &'a Session,
    connection: Box<dyn Connection>,
    shop: Shop,
}

impl Story<'_> {
    fn tell(&mut self) -> Result<(), Failure> {
        self.full_run()?;
        self.new_rows()?;
        self.late_data()?;
        self.backfill()?;
        self.verify()
    }

    /// 1: sixty days, with everything that happens to data in sixty days.
    fn full_run(&mut self) -> Result<(), Failure> {
        let mut sql = String::new();
        for day in (0..DAYS).map(|offset| FIRST_DAY.saturating_add(offset.days())) {
            sql += &self.shop.ordinary_day(day, ORDERS.0);
        }
        // A row of the future would poison the marks of the naive models at once; they are to have their chance.
        for trouble in Trouble::ALL.into_iter().filter(|&trouble| trouble != Trouble::Future) {
            sql += &self.shop.trouble(trouble, TODAY.at(0, 0, 0, 0));
        }
        self.write(&sql)?;
        let (_, seconds) = self.run()?;
        let orders = self.number("select count(*) from main.fct_orders")?;
        self.write(&naive::first_build())?;
        self.step(1, "full run", &format!("{} in {DAYS} days; every table built", count(orders, "order")), seconds)
    }

    /// 2: a day like any other.
    fn new_rows(&mut self) -> Result<(), Failure> {
        let sql = self.shop.ordinary_day(TODAY, ORDERS.1);
        self.write(&sql)?;
        let (swaps, seconds) = self.run()?;
        self.write(&naive::later_run())?;
        self.step(2, "new rows", &format!("{} orders of today, {}, arrive", ORDERS.1, day(TODAY)), seconds)?;
        self.rebuilt(&swaps)
    }

    /// 3: what a filter on the event time never sees.
    fn late_data(&mut self) -> Result<(), Failure> {
        let sql = self.shop.late_orders(LATE_DAY, ORDERS.2, at_noon(TODAY));
        self.write(&sql)?;
        let (swaps, seconds) = self.run()?;
        self.write(&naive::later_run())?;
        let text = format!("{} orders of {} arrive on the {}nd", ORDERS.2, day(LATE_DAY), TODAY.day());
        self.step(3, "late data", &text, seconds)?;
        self.rebuilt(&swaps)?;
        let right =
            self.text(&format!("select sum(revenue) from main.daily_revenue where order_day = date '{LATE_DAY}'"))?;
        let marked = self.text(&naive::revenue("high_water_mark", LATE_DAY))?;
        let window = self.text(&naive::revenue("lookback_3_days", LATE_DAY))?;
        self.line(&format!("revenue of {} is now {}", day(LATE_DAY), good(&money(&right))))?;
        self.line(&format!("a filter on max(created_at) missed them: {}", compared(&marked, &right)))?;
        self.line(&format!(
            "a 3-day lookback {} too: {}",
            if window == right { "had them" } else { "missed them" },
            compared(&window, &right)
        ))
    }

    /// 4: a range of the past was wrong, and is corrected where it came from.
    fn backfill(&mut self) -> Result<(), Failure> {
        let (first, last) = WRONG_PRICES;
        let revenue = format!(
            "select sum(revenue) from main.daily_revenue where order_day between date '{first}' and date '{last}'"
        );
        let before = self.text(&revenue)?;
        let sql = self.shop.correct_prices(first, last, 12, at_noon(TODAY));
        self.write(&sql)?;
        let planned = Instant::now();
        let plan = exact::plan(self.session, &Selection::default())?;
        let planned = planned.elapsed().as_secs_f64();
        let (swaps, seconds) = self.run()?;
        let after = self.text(&revenue)?;
        let text = format!("prices of {} to {} were wrong: planned, rebuilt, swapped", first.day(), day(last));
        self.step(4, "backfill", &text, planned + seconds)?;
        for model in plan.models.iter().filter(|model| model.label == "fct_orders") {
            let labels: Vec<&str> = model.partitions.iter().map(|partition| partition.label.as_str()).collect();
            if let (Some(first), Some(last)) = (labels.first(), labels.last()) {
                self.line(&format!(
                    "plan {}: {} of fct_orders, {first} to {last}, and what is made of them",
                    exact::short(&plan.hash),
                    model.cut.count(model.dirty_count)
                ))?;
            }
        }
        self.rebuilt(&swaps)?;
        self.line(&format!("revenue of the week: {}, was {}", good(&money(&after)), money(&before)))
    }

    /// 5: all of it beside a rebuild.
    fn verify(&mut self) -> Result<(), Failure> {
        let started = Instant::now();
        let mut inputs = exact::inputs(self.session, &Selection::default())?;
        let mut verdicts = Vec::new();
        for model in &inputs.models {
            let found = verify::verify(inputs.connection.as_mut(), model, &inputs.around, &VerifyOptions::default());
            verdicts.push(found.map_err(|error| error.diagnostic())?);
        }
        let all_equal = verdicts.iter().all(|verdict| verdict.outcome == Finding::Equal);
        let text =
            if all_equal { "every table compared with a rebuild: equal" } else { "a table differs from a rebuild" };
        self.step(5, "verify", text, started.elapsed().as_secs_f64())?;
        for verdict in &verdicts {
            let outcome = match &verdict.outcome {
                Finding::Equal => good("equal"),
                Finding::Differs => bad(&format!("{} differ", thousands(verdict.mismatch_count))),
                Finding::NotCompared { reason } => format!("not compared: {reason}"),
            };
            let compared = format!("{} compared", verdict.cut.count(verdict.compared));
            self.line(&format!("{:14} {compared:>20}: {outcome}", verdict.label))?;
        }
        if all_equal {
            return Ok(());
        }
        let problem = Diagnostic::error("HW0642", "a table of the demo differs from its rebuild")
            .note("this is a defect of Highwater")
            .help("hw verify, in the demo's folder, shows the partitions");
        Err(problem.into())
    }

    /// Runs the project, and gives what became of the exact models, with the seconds it took.
    fn run(&self) -> Result<(Vec<SwapReport>, f64), Failure> {
        let started = Instant::now();
        let results = run::execute(self.session, &RunOptions::new(Command::Run), &|_| {})?;
        let seconds = started.elapsed().as_secs_f64();
        if results.succeeded(false) {
            let mut swaps: Vec<SwapReport> = results.results.into_iter().filter_map(|result| result.exact).collect();
            // Threads finish in any order; the story tells parents before children, and the same every time.
            let order = graph::order(&self.session.manifest);
            swaps.sort_by_key(|swap| order.iter().position(|unique_id| *unique_id == swap.unique_id));
            return Ok((swaps, seconds));
        }
        let problems = results.results.into_iter().filter_map(|result| result.diagnostic).collect();
        Err(Failure::Problems(problems))
    }

    /// One line per table: how much of it was rebuilt.
    fn rebuilt(&self, swaps: &[SwapReport]) -> Result<(), Failure> {
        for swap in swaps {
            let name = swap.unique_id.rsplit('.').next().unwrap_or_default();
            let what = match swap.mode {
                Mode::Unchanged => "unchanged".to_owned(),
                Mode::New | Mode::Whole => {
                    format!("rebuilt whole{}", swap.whole.as_ref().map(|why| format!(": {why}")).unwrap_or_default())
                }
                Mode::Incremental => {
                    format!("rebuilt {:>5} of {}", thousands(swap.dirty_count), swap.cut.count(swap.partition_count))
                }
            };
            self.line(&format!("{name:14} {what}"))?;
        }
        Ok(())
    }

    fn step(&self, number: u8, title: &str, text: &str, seconds: f64) -> Result<(), Failure> {
        Ok(self.ui.answer(&format!("{number} {} {text:<64} {:>7.1} s\n", strong(&format!("{title:13}")), seconds))?)
    }

    fn line(&self, text: &str) -> Result<(), Failure> {
        Ok(self.ui.answer(&format!("{:16}{text}\n", ""))?)
    }

    fn write(&mut self, sql: &str) -> Result<(), Failure> {
        self.connection.execute(sql).map(drop).map_err(|error| database(&error).into())
    }

    fn text(&mut self, sql: &str) -> Result<String, Failure> {
        let table = self.connection.query(sql).map_err(|error| database(&error))?;
        Ok(table.scalar().map(ToString::to_string).unwrap_or_default())
    }

    fn number(&mut self, sql: &str) -> Result<u64, Failure> {
        Ok(self.text(sql)?.parse().unwrap_or_default())
    }
}

fn database(error: &EngineError) -> Diagnostic {
    Diagnostic::error("HW0643", "the database refused a statement of the demo").note(error.to_string())
}

/// A naive figure beside the right one.
fn compared(found: &str, right: &str) -> String {
    if found == right { good(&money(found)) } else { format!("{}, not {}", bad(&money(found)), money(right)) }
}

/// `4811.20` as `4,811.20`.
fn money(text: &str) -> String {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "00"));
    whole.parse().map_or_else(|_| text.to_owned(), |whole| format!("{}.{fraction}", thousands(whole)))
}

/// `2 November`.
fn day(date: Date) -> String {
    date.strftime("%-d %B").to_string()
}

fn at_noon(day: Date) -> DateTime {
    day.at(12, 0, 0, 0)
}
