//! Files that a model reads, as inputs like any other.
//!
//! For every call that names files a temporary view stands in, called as the call is written. The analysis then sees a table, detectors scan
//! one, and slices filter one; DuckDB pushes their filters down into the files.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use highwater_sql::{FileRead, file_reads};

use crate::engine::{Relation, quote_identifier};

use super::error::ExactError;
use super::job::Job;

/// The files of one model, and its texts with the views in their place.
#[derive(Debug, Clone, Default)]
pub(crate) struct Files {
    /// The model's query.
    pub text: String,
    views: HashMap<Relation, String>,
    paths: HashMap<Relation, String>,
}

impl Files {
    /// Finds the files that the model and the views above it read, and makes their views.
    ///
    /// # Errors
    /// When a view cannot be made, as of a file that is not there.
    pub fn stand_in(job: &mut Job) -> Result<Self, ExactError> {
        let mut files = Self::default();
        let mut calls: Vec<FileRead> = Vec::new();
        let mut read = |sql: &str| {
            let reads = file_reads(sql, job.dialect);
            calls.extend(reads.iter().cloned());
            reads
        };
        let own = read(&job.model.sql);
        let views: Vec<(&Relation, &str, Vec<FileRead>)> = job
            .around
            .views
            .iter()
            .map(|(relation, view)| (relation, view.sql.as_str(), read(&view.sql)))
            .filter(|(_, _, reads)| !reads.is_empty())
            .collect();
        // To the engine these would be one view.
        let alike = |one: &str| calls.iter().any(|other| other.call.eq_ignore_ascii_case(one) && other.call != one);
        files.text = replaced(&job.model.sql, &own, &alike);
        files.views =
            views.iter().map(|(relation, sql, reads)| ((*relation).clone(), replaced(sql, reads, &alike))).collect();
        for call in calls.iter().filter(|read| !alike(&read.call)) {
            if let Entry::Vacant(vacant) = files.paths.entry(stand_in(&call.call)) {
                let view = vacant.key().sql();
                job.execute(&format!("create or replace temp view {view} as select * from {}", call.call))?;
                vacant.insert(call.path.clone());
            }
        }
        Ok(files)
    }

    /// The text of a view, if it reads files.
    pub fn view(&self, relation: &Relation) -> Option<&str> {
        self.views.get(relation).map(String::as_str)
    }

    /// The files behind a table, as SQL: a text or a list of texts.
    pub fn path(&self, relation: &Relation) -> Option<&str> {
        self.paths.get(relation).map(String::as_str)
    }
}

fn stand_in(call: &str) -> Relation {
    Relation::new("temp", "main", call)
}

/// A text with views in the place of files.
fn replaced(sql: &str, reads: &[FileRead], alike: &dyn Fn(&str) -> bool) -> String {
    let mut text = String::new();
    let mut done = 0;
    for read in reads.iter().filter(|read| !alike(&read.call)) {
        text.push_str(&sql[done..read.start]);
        text.push_str(&stand_in(&read.call).sql());
        if let Some(alias) = &read.alias {
            text.push_str(&format!(" as {}", quote_identifier(alias)));
        }
        done = read.end;
    }
    text.push_str(&sql[done..]);
    text
}
