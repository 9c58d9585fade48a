//! What every code means: one page each under `docs/errors/`, embedded so that `hw help HW0213` works anywhere.
//!
//! A page begins with `# HW0213: title`, then a line `Category: ...`. A new code needs a page and a line in the list below; the
//! test of this module fails until both are there.

/// A page on a code.
#[derive(Debug, Clone, Copy)]
pub struct Page {
    /// `HWnnnn`.
    pub code: &'static str,
    /// The page, in Markdown.
    pub text: &'static str,
}

/// What kind of trouble a code stands for, in the words dbt's users search their logs for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Category {
    /// The command line, or where it was run.
    Usage,
    /// A file cannot be read.
    Parsing,
    /// The project does not hold together.
    Compilation,
    /// The database refused.
    Database,
    /// Something else failed while running.
    Runtime,
}

impl Category {
    /// As it is printed.
    pub fn words(self) -> &'static str {
        match self {
            Self::Usage => "Usage Error",
            Self::Parsing => "Parsing Error",
            Self::Compilation => "Compilation Error",
            Self::Database => "Database Error",
            Self::Runtime => "Runtime Error",
        }
    }

    const ALL: [Self; 5] = [Self::Usage, Self::Parsing, Self::Compilation, Self::Database, Self::Runtime];
}

macro_rules! pages {
    ($($code:literal)*) => {
        &[$(Page { code: $code, text: include_str!(concat!("../../../../docs/errors/", $code, ".md")) }),*]
    };
}

/// Every page, by code.
pub const PAGES: &[Page] = pages! {
    "HW0001"
};

/// The page on a code; upper or lower case.
pub fn page(code: &str) -> Option<&'static Page> {
    PAGES.iter().find(|page| page.code.eq_ignore_ascii_case(code))
}

/// What kind of trouble a code stands for.
pub fn category(code: &str) -> Category {
    let line = page(code).and_then(|page| page.text.lines().find_map(|line| line.strip_prefix("Category: ")));
    Category::ALL.into_iter().find(|category| Some(category.words()) == line).unwrap_or(Category::Runtime)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::{Category, PAGES};

    /// Every `"HWnnnn"` in the sources of the workspace.
    fn used_codes() -> BTreeSet<String> {
        let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the folder of crates");
        let pattern = regex::Regex::new(r#""(HW\d{4})""#).expect("a pattern");
        let mut codes = BTreeSet::new();
        for entry in walkdir::WalkDir::new(crates).into_iter().filter_map(Result::ok) {
            let path = entry.path();
            let is_source = path.extension().is_some_and(|extension| extension == "rs")
                && path.components().any(|part| part.as_os_str() == "src")
                && !path.ends_with("diagnostics/codes.rs");
            if is_source {
                let text = std::fs::read_to_string(path).expect("a source file");
                // What tests make up is no code of ours.
                let text = text.split("#[cfg(test)]").next().unwrap_or_default();
                codes.extend(pattern.captures_iter(text).map(|found| found[1].to_owned()));
            }
        }
        codes
    }

    #[test]
    fn every_code_has_a_page_and_every_page_a_use() {
        let used = used_codes();
        let documented: BTreeSet<String> = PAGES.iter().map(|page| page.code.to_owned()).collect();
        let missing: Vec<_> = used.difference(&documented).collect();
        let unused: Vec<_> = documented.difference(&used).collect();
        assert!(missing.is_empty(), "codes without a page in docs/errors: {missing:?}");
        assert!(unused.is_empty(), "pages on codes that nothing uses: {unused:?}");
    }

    #[test]
    fn pages_begin_with_their_code_and_name_a_category() {
        for page in PAGES {
            assert!(page.text.starts_with(&format!("# {}: ", page.code)), "{} begins otherwise", page.code);
            let category = page.text.lines().find_map(|line| line.strip_prefix("Category: "));
            assert!(
                Category::ALL.iter().any(|known| Some(known.words()) == category),
                "{} has the category {category:?}",
                page.code
            );
        }
    }
}
