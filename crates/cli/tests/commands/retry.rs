//! `hw retry`

use crate::TestProject;

const PROJECT: &str = "
=== models/a.sql
select 1 as id
=== models/b.sql
select id from {{ ref('a') }} where id = {{ var('which', 0) }} or cast('{{ var('text', 'x') }}' as integer) = 1
=== models/c.sql
{{ config(materialized='table') }}
select * from {{ ref('b') }}
";

#[test]
fn only_what_failed_or_was_skipped_runs_again() {
    let project =
        TestProject::new(&PROJECT.replace("select id from", "{{ config(materialized='table') }} select id from"));
    assert!(project.hw(&["run", "--vars", "{which: 1}"]).starts_with("exit 1"));
    let told = project.hw(&["retry"]);
    assert!(told.starts_with("exit 1") && told.contains("of 2 ") && !told.contains("main.a "), "{told}");
    project.write(
        "models/b.sql",
        "{{ config(materialized='table') }} select id from {{ ref('a') }} where id = {{ var('which') }}",
    );
    let told = project.hw(&["retry"]);
    assert!(told.starts_with("exit 0") && told.contains("TOTAL=2"), "the variables of the first run count: {told}");
    let told = project.hw(&["retry"]);
    assert!(told.starts_with("exit 0") && told.contains("Nothing to do"), "{told}");
}

#[test]
fn there_must_be_a_run_to_retry() {
    let told = TestProject::new(PROJECT).hw(&["retry"]);
    assert!(told.starts_with("exit 2") && told.contains("HW0441"), "{told}");
}
