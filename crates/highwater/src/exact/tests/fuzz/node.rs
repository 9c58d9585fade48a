//! Queries as trees that can be printed and made smaller: text, with the relations it reads and the clauses it could do without.

use std::fmt::Write as _;

/// What values a column has, as far as the grammar must know to use it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// An integer that keys are made of.
    Id,
    /// Short text, used as a key as well.
    Text,
    /// An integer or a decimal.
    Number,
    /// A timestamp or a date.
    Moment,
    /// A boolean.
    Flag,
}

impl Kind {
    /// A type that NULL can be cast to.
    pub fn sql(self) -> &'static str {
        match self {
            Self::Id => "integer",
            Self::Text => "varchar",
            Self::Number => "decimal(18,2)",
            Self::Moment => "timestamp",
            Self::Flag => "boolean",
        }
    }
}

/// A column of a relation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    pub name: String,
    pub kind: Kind,
}

/// A part of a query.
#[derive(Debug, Clone)]
pub enum Piece {
    Text(String),
    /// A relation in a FROM: a table by its name, or a query in parentheses.
    From(Node),
    /// A relation as a query, for common table expressions and branches of set operations.
    Query(Node),
    /// Something the query stays valid without, most of the time.
    Clause(Vec<Piece>),
}

/// A relation.
#[derive(Debug, Clone)]
pub struct Node {
    /// Which production of the grammar made it.
    pub operator: &'static str,
    /// The name, when it is a table or another model.
    pub table: Option<String>,
    pub pieces: Vec<Piece>,
    pub columns: Vec<Column>,
    /// Columns of which no two rows have the same values, where the production knows some.
    pub unique: Vec<String>,
}

/// A name as SQL writes it.
pub fn quote(name: &str) -> String {
    let simple = name.chars().all(|c| c.is_ascii_lowercase() || c == '_' || c.is_ascii_digit());
    if simple { name.to_owned() } else { format!("\"{name}\"") }
}

/// Column names qualified by `alias`, in a list.
pub fn list(alias: &str, columns: &[Column]) -> String {
    columns.iter().map(|column| format!("{alias}.{}", quote(&column.name))).collect::<Vec<_>>().join(", ")
}

impl Node {
    pub fn table(name: &str, columns: &[Column]) -> Self {
        Self {
            operator: "table",
            table: Some(name.to_owned()),
            pieces: Vec::new(),
            columns: columns.to_vec(),
            unique: Vec::new(),
        }
    }

    /// A query that is only text.
    pub fn text(sql: &str) -> Self {
        Self {
            operator: "text",
            table: None,
            pieces: vec![Piece::Text(sql.to_owned())],
            columns: Vec::new(),
            unique: Vec::new(),
        }
    }

    /// The query.
    pub fn sql(&self) -> String {
        match &self.table {
            Some(name) => format!("select {} from {} as t", list("t", &self.columns), quote(name)),
            None => written(&self.pieces),
        }
    }

    /// All operators in it, outermost first.
    pub fn operators(&self) -> Vec<&'static str> {
        let mut found = vec![self.operator];
        self.each(&mut |node| found.extend(node.operators()));
        found
    }

    /// Names of the tables and models read.
    pub fn tables(&self) -> Vec<String> {
        let mut found: Vec<String> = self.table.iter().cloned().collect();
        self.each(&mut |node| found.extend(node.tables()));
        found
    }

    fn each(&self, visit: &mut dyn FnMut(&Self)) {
        fn inside(pieces: &[Piece], visit: &mut dyn FnMut(&Node)) {
            for piece in pieces {
                match piece {
                    Piece::Text(_) => {}
                    Piece::From(node) | Piece::Query(node) => visit(node),
                    Piece::Clause(pieces) => inside(pieces, visit),
                }
            }
        }
        inside(&self.pieces, visit);
    }

    /// Queries with one relation replaced by something simpler, or one clause less; not all of them are valid.
    pub fn smaller(&self) -> Vec<Self> {
        let mut found = Vec::new();
        // The whole by what it reads.
        self.each(&mut |child| found.push(child.shaped_as(&self.columns)));
        for pieces in smaller_pieces(&self.pieces) {
            found.push(Self { pieces, ..self.clone() });
        }
        found
    }

    /// The same rows under the names of `columns`: by name, else by kind, else NULL.
    fn shaped_as(&self, columns: &[Column]) -> Self {
        let same_names = columns.iter().map(|c| &c.name).eq(self.columns.iter().map(|c| &c.name));
        if same_names || columns.is_empty() {
            return self.clone();
        }
        let items: Vec<String> = columns
            .iter()
            .map(|wanted| {
                let by_name = self.columns.iter().find(|column| column == &wanted);
                let found = by_name.or_else(|| self.columns.iter().find(|column| column.kind == wanted.kind));
                let value = match found {
                    Some(column) => format!("r.{}", quote(&column.name)),
                    None => format!("cast(null as {})", wanted.kind.sql()),
                };
                format!("{value} as {}", quote(&wanted.name))
            })
            .collect();
        Self {
            operator: "shaped",
            table: None,
            pieces: vec![
                Piece::Text(format!("select {} from ", items.join(", "))),
                Piece::From(self.clone()),
                Piece::Text(" as r".into()),
            ],
            columns: columns.to_vec(),
            unique: Vec::new(),
        }
    }
}

fn written(pieces: &[Piece]) -> String {
    let mut out = String::new();
    for piece in pieces {
        match piece {
            Piece::Text(text) => out.push_str(text),
            Piece::From(Node { table: Some(name), .. }) => out.push_str(&quote(name)),
            Piece::From(node) => {
                let _ = write!(out, "({})", node.sql());
            }
            Piece::Query(node) => out.push_str(&node.sql()),
            Piece::Clause(pieces) => out.push_str(&written(pieces)),
        }
    }
    out
}

fn smaller_pieces(pieces: &[Piece]) -> Vec<Vec<Piece>> {
    let mut found = Vec::new();
    for (index, piece) in pieces.iter().enumerate() {
        let mut with = |piece: Piece| {
            let mut changed = pieces.to_vec();
            changed[index] = piece;
            found.push(changed);
        };
        match piece {
            Piece::Text(_) => {}
            Piece::From(node) => node.smaller().into_iter().for_each(|node| with(Piece::From(node))),
            Piece::Query(node) => node.smaller().into_iter().for_each(|node| with(Piece::Query(node))),
            Piece::Clause(inner) => {
                with(Piece::Text(String::new()));
                smaller_pieces(inner).into_iter().for_each(|inner| with(Piece::Clause(inner)));
            }
        }
    }
    found
}
