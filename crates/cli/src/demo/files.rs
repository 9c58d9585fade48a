//! The project that `hw demo` writes: `examples/shop`, carried in the binary.

use std::path::Path;

/// Path in the project, and text.
pub const FILES: [(&str, &str); 17] = [
    (".gitignore", include_str!("../../../../examples/shop/.gitignore")),
    ("README.md", include_str!("../../../../examples/shop/README.md")),
    ("RUNBOOK.md", include_str!("../../../../examples/shop/RUNBOOK.md")),
    ("dbt_project.yml", include_str!("../../../../examples/shop/dbt_project.yml")),
    ("profiles.yml", include_str!("../../../../examples/shop/profiles.yml")),
    ("models/staging/sources.yml", include_str!("../../../../examples/shop/models/staging/sources.yml")),
    ("models/staging/staging.yml", include_str!("../../../../examples/shop/models/staging/staging.yml")),
    ("models/staging/stg_orders.sql", include_str!("../../../../examples/shop/models/staging/stg_orders.sql")),
    (
        "models/staging/stg_order_items.sql",
        include_str!("../../../../examples/shop/models/staging/stg_order_items.sql"),
    ),
    ("models/staging/stg_customers.sql", include_str!("../../../../examples/shop/models/staging/stg_customers.sql")),
    ("models/marts/marts.yml", include_str!("../../../../examples/shop/models/marts/marts.yml")),
    ("models/marts/exposures.yml", include_str!("../../../../examples/shop/models/marts/exposures.yml")),
    ("models/marts/fct_orders.sql", include_str!("../../../../examples/shop/models/marts/fct_orders.sql")),
    ("models/marts/daily_revenue.sql", include_str!("../../../../examples/shop/models/marts/daily_revenue.sql")),
    ("models/marts/customer_ltv.sql", include_str!("../../../../examples/shop/models/marts/customer_ltv.sql")),
    ("models/marts/time_spine.sql", include_str!("../../../../examples/shop/models/marts/time_spine.sql")),
    ("tests/daily_revenue_adds_up.sql", include_str!("../../../../examples/shop/tests/daily_revenue_adds_up.sql")),
];

/// Writes the project into a folder, which is made if need be.
///
/// # Errors
/// When a file cannot be written.
pub fn write(folder: &Path) -> std::io::Result<()> {
    for (path, text) in FILES {
        let path = folder.join(path);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        std::fs::write(path, text)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{FILES, write};

    fn files_below(folder: &Path, found: &mut Vec<String>, root: &Path) {
        for entry in std::fs::read_dir(folder).expect("a folder of the example").flatten() {
            let path = entry.path();
            let name = path.strip_prefix(root).expect("below the root").to_string_lossy().into_owned();
            if path.is_dir() && name != "target" && name != "logs" {
                files_below(&path, found, root);
            } else if path.is_file() && !name.ends_with(".duckdb") && !name.ends_with(".wal") {
                found.push(name);
            }
        }
    }

    #[test]
    fn every_file_of_the_example_is_carried() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/shop");
        let (mut there, mut carried) = (Vec::new(), FILES.map(|(path, _)| path.to_owned()).to_vec());
        files_below(&root, &mut there, &root);
        there.sort();
        carried.sort();
        assert_eq!(there, carried);
    }

    #[test]
    fn the_project_is_written_as_it_is_carried() {
        let folder = tempfile::tempdir().expect("a folder");
        write(folder.path()).expect("written");
        for (path, text) in FILES {
            assert_eq!(std::fs::read_to_string(folder.path().join(path)).expect(path), text);
        }
    }
}
