//! CSV files.

use highwater::run::{Command, RunOptions};

use crate::project::Project;

#[test]
fn types_are_found_and_empty_values_are_null() {
    let project = Project::new(&[(
        "seeds/all.csv",
        "id,big,price,paid,day,at,name,zip,nothing\n\
         1,3000000000,1.5,true,2026-01-01,2026-01-01 10:00:00,\"Lovelace, Ada\",00123,\n\
         2,,2,FALSE,,2026-01-02 11:00:00,\"say \"\"hi\"\"\nthere\",a7,\n",
    )]);
    assert_eq!(project.run(Command::Seed), "seed.shop.all success INSERT 2");
    insta::assert_snapshot!(project.query("select column_name || ' ' || data_type from duckdb_columns() where table_name = 'all' order by column_index"), @r"
    id INTEGER
    big BIGINT
    price DOUBLE
    paid BOOLEAN
    day DATE
    at TIMESTAMP
    name VARCHAR
    zip VARCHAR
    nothing INTEGER
    ");
    insta::assert_snapshot!(project.query("select * replace (replace(name, chr(10), '/') as name) from \"all\" order by id"), @r#"
    1 | 3000000000 | 1.5 | true | 2026-01-01 | 2026-01-01 10:00:00 | Lovelace, Ada | 00123 | NULL
    2 | NULL | 2 | false | NULL | 2026-01-02 11:00:00 | say "hi"/there | a7 | NULL
    "#);
}

#[test]
fn configured_types_and_delimiter() {
    let project = Project::new(&[
        ("seeds/codes.csv", "code;rate\n007;1\n008;2.25\n"),
        (
            "seeds/seeds.yml",
            "seeds:\n  - name: codes\n    config:\n      delimiter: ';'\n      column_types: {code: varchar(3), rate: 'decimal(5,2)'}\n",
        ),
    ]);
    project.run(Command::Seed);
    assert_eq!(project.query("from codes"), "007 | 1.00\n008 | 2.25");
}

#[test]
fn an_empty_delimiter_is_an_error_of_the_seed() {
    for project in Project::everywhere(&[
        ("seeds/codes.csv", "code;rate\n007;1\n"),
        ("seeds/seeds.yml", "seeds: [{name: codes, config: {delimiter: ''}}]"),
    ]) {
        let message = project.run(Command::Seed);
        assert!(message.contains("Compilation Error in seed codes (seeds/codes.csv)"), "{message}");
        assert!(message.contains("the delimiter of the seed `codes` is empty"), "{message}");
    }
}

#[test]
fn a_second_run_replaces_the_rows_and_a_full_refresh_the_table() {
    let project = Project::new(&[("seeds/s.csv", "id,name\n1,a\n2,b\n")]);
    project.run(Command::Seed);
    project.write("seeds/s.csv", "id,name\n3,c\n");
    assert_eq!(project.run(Command::Seed), "seed.shop.s success INSERT 1");
    assert_eq!(project.query("from s"), "3 | c");
    project.write("seeds/s.csv", "id,name,more\n3,c,1\n");
    let message = project.run(Command::Seed);
    assert!(message.contains("has a column that its table lacks: more"), "{message}");
    assert_eq!(project.query("from s"), "3 | c");
    assert_eq!(project.refresh(Command::Seed), "seed.shop.s success CREATE 1");
    assert_eq!(project.query("from s"), "3 | c | 1");
}

#[test]
fn a_file_of_nothing_but_its_header() {
    let project = Project::new(&[("seeds/s.csv", "id,name\n")]);
    assert_eq!(project.run(Command::Seed), "seed.shop.s success INSERT 0");
    assert_eq!(project.query("select count(*) from s"), "0");
}

#[test]
fn one_column_is_enough() {
    let project = Project::new(&[("seeds/s.csv", "name\nada\nbob\n")]);
    assert_eq!(project.run(Command::Seed), "seed.shop.s success INSERT 2");
}

#[test]
fn a_file_that_is_no_csv_leaves_the_table_alone() {
    let project = Project::new(&[("seeds/s.csv", "id,name\n1,a\n")]);
    project.run(Command::Seed);
    project.write("seeds/s.csv", "id,name\n1,a\n2,b,c,d\n3,x,y,z,1,2\n");
    let results = project.results(&RunOptions::new(Command::Seed));
    let diagnostic = results.results[0].diagnostic.clone().expect("a problem");
    assert_eq!((diagnostic.code, diagnostic.title.as_str()), ("HW0420", "cannot read seeds/s.csv as CSV"));
    assert_eq!(project.query("from s"), "1 | a");
}

#[test]
fn a_seed_with_a_unique_index_is_loaded_again() {
    let project = Project::new(&[
        ("seeds/codes.csv", "code,rate\n7,1\n8,2\n"),
        ("seeds/seeds.yml", "seeds: [{name: codes, config: {indexes: [{columns: [code], unique: true}]}}]"),
    ]);
    for rows in ["7,1\n8,2\n", "7,3\n9,4\n"] {
        project.write("seeds/codes.csv", &format!("code,rate\n{rows}"));
        assert_eq!(project.run(Command::Seed), "seed.shop.codes success INSERT 2");
        assert_eq!(project.query("select expressions, is_unique from duckdb_indexes()"), "[code] | true");
    }
    assert_eq!(project.query("from codes order by code"), "7 | 3\n9 | 4");
}
