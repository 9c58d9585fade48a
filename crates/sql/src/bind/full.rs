//! Full joins, and the columns that `using` merges in them: either side's value may be the one that is there.

use sqlparser::ast::{Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentList, FunctionArguments, Ident};

use super::Binder;
use super::scope::Scope;
use crate::tree::{Id, Node, column};

impl Binder<'_> {
    /// Adds the merged columns of a full join to its result, each where the left side's stood.
    pub(super) fn merged(&mut self, node: Node, mut scope: Scope, pairs: &[(Id, Id)]) -> (Node, Scope) {
        if pairs.is_empty() {
            return (node, scope);
        }
        let mut items: Vec<(Id, Expr)> = node.ids(&self.scans).into_iter().map(|id| (id, column(id))).collect();
        for (left, right) in pairs {
            let item = coalesced(*left, *right);
            let name = self.columns[*left].name.clone();
            let id = self.computed_column(name.clone(), &item);
            items.push((id, item));
            scope.columns.iter_mut().filter(|other| other.id == *right).for_each(|other| other.merged = true);
            scope.stand_in(*left, id, &name);
        }
        (Node::Project { input: Box::new(node), items }, scope)
    }
}

fn coalesced(left: Id, right: Id) -> Expr {
    let argument = |id: Id| FunctionArg::Unnamed(FunctionArgExpr::Expr(column(id)));
    Expr::Function(Function {
        name: vec![Ident::new("coalesce")].into(),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(FunctionArgumentList {
            duplicate_treatment: None,
            args: vec![argument(left), argument(right)],
            clauses: Vec::new(),
        }),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    })
}
