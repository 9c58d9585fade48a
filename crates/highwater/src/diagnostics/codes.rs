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
    "HW0002" "HW0003" "HW0004" "HW0006" "HW0007" "HW0008" "HW0009" "HW0010" "HW0011" "HW0012"
    "HW0013" "HW0014"
    "HW0101" "HW0102" "HW0103" "HW0104" "HW0105" "HW0106" "HW0107" "HW0108" "HW0109" "HW0110"
    "HW0111" "HW0112" "HW0113" "HW0120" "HW0121" "HW0122" "HW0130" "HW0131" "HW0132" "HW0133"
    "HW0134"
    "HW0201" "HW0202" "HW0203" "HW0204" "HW0205" "HW0206" "HW0207" "HW0208" "HW0213" "HW0214"
    "HW0215" "HW0216" "HW0217" "HW0218" "HW0219" "HW0220" "HW0223" "HW0224" "HW0225" "HW0226"
    "HW0227" "HW0230" "HW0231" "HW0232" "HW0233" "HW0234" "HW0235" "HW0236"
    "HW0301" "HW0302" "HW0303" "HW0304" "HW0306" "HW0307" "HW0308" "HW0309" "HW0310" "HW0311"
    "HW0312" "HW0313" "HW0314"
    "HW0401" "HW0402" "HW0403" "HW0404" "HW0405" "HW0406" "HW0407" "HW0408" "HW0409" "HW0410"
    "HW0412" "HW0414" "HW0415" "HW0416" "HW0417" "HW0418" "HW0419" "HW0420" "HW0421"
    "HW0422" "HW0423" "HW0424" "HW0440" "HW0441" "HW0451" "HW0499"
    "HW0501" "HW0502" "HW0503" "HW0504" "HW0505" "HW0506" "HW0507" "HW0508" "HW0509" "HW0510"
    "HW0511" "HW0512" "HW0513" "HW0514" "HW0515" "HW0516" "HW0517" "HW0520"
    "HW0601" "HW0602" "HW0640" "HW0641" "HW0642" "HW0643"
    "HW0701" "HW0702" "HW0703" "HW0704" "HW0705" "HW0706" "HW0707" "HW0708"
    "HW0801" "HW0802" "HW0803" "HW0804" "HW0805" "HW0806" "HW0807" "HW0808" "HW0809" "HW0810"
    "HW0811" "HW0812" "HW0813" "HW0814" "HW0815"
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
