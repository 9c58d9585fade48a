//! The shop of the exact strategy's tests, with backfills on it.

use crate::audit::AuditTest;
use crate::backfill::PublishedModel;
use crate::backfill::publish::publish;
use crate::backfill::stage::Task;
use crate::backfill::token::Still;
use crate::backfill::{
    Applied, ApplyOptions, Approval, BackfillError, BackfillModel, Event, File, Reached, Request, RolledBack, Site,
    What, abandon, apply, plan, rollback,
};
use crate::exact::tests::engines::On;
use crate::exact::tests::world::{Known, World};
use crate::exact::{ExactModel, RunIdentity, Surroundings};

use super::Naive;

/// A shop of four models: facts, and three tables over them by day, by key and by month.
pub struct Workshop {
    pub world: World,
    pub models: Vec<Known>,
    pub naive: Vec<Naive>,
    /// Whether nobody else writes while a backfill is at work.
    pub alone: bool,
    /// A test of the facts.
    pub guard: Option<AuditTest>,
}

/// What is asked for, in a word.
pub fn named(partitions: &[&str]) -> Request {
    Request {
        what: What::Named,
        from: None,
        to: None,
        partitions: partitions.iter().map(|name| (*name).to_owned()).collect(),
        reason: "prices were wrong".to_owned(),
        ticket: None,
    }
}

/// Everything dirty.
pub fn dirty() -> Request {
    Request { what: What::Dirty, ..named(&[]) }
}

/// What an old version of the logic built.
pub fn logic() -> Request {
    Request { what: What::Logic, ..named(&[]) }
}

/// The models of the shop.
pub fn family() -> Vec<Known> {
    vec![
        Known::of(
            "facts",
            "day:created_at",
            "select o.order_id, o.customer_id, o.created_at, o.amount, c.region from raw_orders as o \
             left join raw_customers as c on o.customer_id = c.customer_id",
        ),
        Known::of(
            "regional",
            "day:day",
            "select cast(date_trunc('day', created_at) as date) as day, region, sum(amount) as revenue, count(*) as orders from facts group by 1, 2",
        ),
        Known::of(
            "best",
            "key:customer_id",
            "select customer_id, max(amount) as best, count(*) as orders from facts group by customer_id",
        ),
        Known::of(
            "monthly",
            "month:month",
            "select cast(date_trunc('month', day) as date) as month, sum(revenue) as revenue from regional group by 1",
        ),
    ]
}

impl Workshop {
    /// Built, with nothing left to do.
    pub fn new() -> Self {
        Self::of(family())
    }

    /// The same with other models.
    pub fn of(models: Vec<Known>) -> Self {
        let mut shop =
            Self { world: World::with_orders(On::DuckDb), models, naive: Vec::new(), alone: false, guard: None };
        for known in &shop.models {
            shop.world.announce(known);
        }
        shop.run();
        shop
    }

    /// Runs every model, parents first.
    pub fn run(&mut self) {
        for known in &self.models {
            self.world.run(known).unwrap_or_else(|error| panic!("{}: {error}", known.model.unique_id));
        }
    }

    /// What of all tables is not what a rebuild of each, over its parents as they are, would hold.
    pub fn differences(&mut self) -> Vec<String> {
        let models = self.models.clone();
        models
            .iter()
            .filter_map(|known| {
                let found = self.world.difference(known);
                (!found.is_empty()).then(|| format!("{}:\n{found}", known.model.unique_id))
            })
            .collect()
    }

    /// The same of the models of a backfill.
    pub fn differences_of(&mut self, file: &File) -> Vec<String> {
        let all = std::mem::take(&mut self.models);
        self.models = all
            .iter()
            .filter(|known| file.plan.models.iter().any(|part| part.unique_id == known.model.unique_id))
            .cloned()
            .collect();
        let found = self.differences();
        self.models = all;
        found
    }

    /// Gives a model another query.
    pub fn rewrite(&mut self, name: &str, sql: &str) {
        let known = self.models.iter_mut().find(|known| known.model.relation.identifier == name).expect("a model");
        sql.clone_into(&mut known.model.sql);
    }

    /// Every row of every table.
    pub fn tables(&mut self) -> String {
        let names: Vec<String> = self.models.iter().map(|known| known.model.relation.sql()).collect();
        names.iter().map(|name| self.world.rows(&format!("from {name}"))).collect::<Vec<_>>().join("\n\n")
    }

    fn candidates(&self, selected: &[&str]) -> Vec<BackfillModel> {
        self.models.iter().map(|known| candidate(&known.model, selected)).collect()
    }

    /// Plans for the selected models and what is below them.
    pub fn plan(&mut self, selected: &[&str], request: &Request) -> Result<File, BackfillError> {
        let identity = self.world.identity();
        let models = self.candidates(selected);
        let silent = |_: Event| {};
        let around = self.world.around.clone();
        let mut site = Site::new(self.world.session.as_mut(), &models, &around, &identity, &silent);
        site.naive.clone_from(&self.naive);
        plan(&mut site, request, "shop", "duckdb", Reached::default()).map(|plan| File::new(plan, None))
    }

    fn on_site<T>(&mut self, file: &File, events: &dyn Fn(Event), work: impl FnOnce(&mut Site) -> T) -> T {
        let identity: RunIdentity = self.world.identity();
        let around: Surroundings = self.world.around.clone();
        let models: Vec<BackfillModel> = file
            .plan
            .models
            .iter()
            .map(|part| {
                let known = self.models.iter().find(|known| known.model.unique_id == part.unique_id).expect("known");
                let tests = self.guard.iter().filter(|_| part.label == "facts").cloned().collect();
                BackfillModel { tests, ..candidate(&known.model, &[]) }
            })
            .collect();
        let mut site = Site::new(self.world.session.as_mut(), &models, &around, &identity, events);
        site.naive.clone_from(&self.naive);
        site.alone = self.alone.then(|| "shop".to_owned());
        work(&mut site)
    }

    /// Applies, a row a batch, telling what happens.
    pub fn apply_telling(
        &mut self,
        file: &File,
        resume: bool,
        events: &dyn Fn(Event),
    ) -> Result<Applied, BackfillError> {
        let options = ApplyOptions { resume, most_rows: 1, verify: false, ..ApplyOptions::default() };
        self.on_site(file, events, |site| apply(site, file, options, "now"))
    }

    pub fn apply(&mut self, file: &File) -> Result<Applied, BackfillError> {
        self.apply_telling(file, false, &|_| {})
    }

    pub fn stage(&mut self, file: &File) -> Result<Applied, BackfillError> {
        self.stage_on(file, false)
    }

    /// Stages everything, or goes on with it, and publishes nothing.
    pub fn stage_on(&mut self, file: &File, resume: bool) -> Result<Applied, BackfillError> {
        let options = ApplyOptions { resume, stage_only: true, verify: false, ..ApplyOptions::default() };
        self.on_site(file, &|_| {}, |site| apply(site, file, options, "now"))
    }

    pub fn resume(&mut self, file: &File) -> Result<Applied, BackfillError> {
        self.apply_telling(file, true, &|_| {})
    }

    /// Goes on as a process does whose staged rows were right when it began: nothing is accepted that moved since.
    pub fn resume_strictly(&mut self, file: &File) -> Result<Vec<PublishedModel>, BackfillError> {
        self.on_site(file, &|_| {}, |site| {
            let mut prepared = Vec::new();
            for place in 0..site.models.len() {
                prepared.push(site.prepared(place)?);
            }
            let still = Still { tables: false, inputs: vec![false; prepared.len()] };
            let work = Task { id: &file.backfill, parts: &file.plan.models, prepared: &prepared, still: &still };
            publish(site, &work, "now", "never", std::time::Instant::now())
        })
    }

    /// Whether the last backfill has been published.
    pub fn published(&mut self) -> bool {
        self.world.rows("select state from highwater.backfills") == "published"
    }

    pub fn rollback(&mut self, file: &File) -> Result<Vec<RolledBack>, BackfillError> {
        self.on_site(file, &|_| {}, |site| rollback(site, file, "now"))
    }

    pub fn abandon(&mut self, file: &File) -> Result<(), BackfillError> {
        self.on_site(file, &|_| {}, |site| abandon(site, file, "now"))
    }
}

/// A model as a backfill sees it.
pub fn candidate(model: &ExactModel, selected: &[&str]) -> BackfillModel {
    BackfillModel {
        model: model.clone(),
        is_exact: true,
        strategy: "exact".to_owned(),
        selected: selected.contains(&model.relation.identifier.as_str()),
        protected: false,
        tests: Vec::new(),
        tolerance: Vec::new(),
        approvals: 0,
        expires_days: 30,
        keep_days: 14,
    }
}

/// Someone's agreement.
pub fn approved(by: &str) -> Approval {
    Approval { name: by.to_owned(), at: "now".to_owned() }
}
