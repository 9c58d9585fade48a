//! The select list, its stars expanded.

use sqlparser::ast::{
    ExcludeSelectItem, Expr, ObjectName, RenameSelectItem, Select, SelectFlavor, SelectItem,
    SelectItemQualifiedWildcardKind, WildcardAdditionalOptions,
};

use super::Binder;
use super::scope::Scope;
use crate::Finding;
use crate::text::parts_of;
use crate::tree::Id;

/// A column of the select list, stars expanded.
pub(super) enum Item {
    /// Taken over by a star.
    Column(Id, String),
    /// Written out.
    Written(Box<Expr>, String),
}

impl Binder<'_> {
    /// The select list with stars expanded.
    pub(super) fn items(&mut self, select: &Select, scope: &Scope) -> Result<Vec<Item>, Finding> {
        if matches!(select.flavor, SelectFlavor::FromFirstNoSelect) {
            return Ok(scope.star(None).into_iter().map(|(id, name)| Item::Column(id, name)).collect());
        }
        let mut items = Vec::new();
        for item in &select.projection {
            match item {
                SelectItem::UnnamedExpr(expression) => {
                    items.push(Item::Written(
                        Box::new(expression.clone()),
                        self.dialect().reading().default_name(expression),
                    ));
                }
                SelectItem::ExprWithAlias { expr, alias } => {
                    items.push(Item::Written(Box::new(expr.clone()), alias.value.clone()));
                }
                SelectItem::Wildcard(options) => self.star(scope.star(None), options, &mut items)?,
                SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(name), options) => {
                    let Some(table) = name.0.last().and_then(|part| part.as_ident()) else {
                        return Err(self.unbound("this star has no rule", name));
                    };
                    if !scope.has_table(&table.value) {
                        return Err(self.unbound(format!("`{table}` is no table in sight"), name));
                    }
                    self.star(scope.star(Some(table)), options, &mut items)?;
                }
                other => return Err(self.unbound("this column of the select list has no rule", other)),
            }
        }
        Ok(items)
    }

    fn star(
        &mut self,
        columns: Vec<(Id, String)>,
        options: &WildcardAdditionalOptions,
        items: &mut Vec<Item>,
    ) -> Result<(), Finding> {
        if options.opt_ilike.is_some() || options.opt_alias.is_some() {
            return Err(self.unbound("this star has no rule", &options.wildcard_token.0));
        }
        let last = |name: &ObjectName| parts_of(name).and_then(|mut parts| parts.pop());
        let mut left_out: Vec<String> = match &options.opt_exclude {
            None => Vec::new(),
            Some(ExcludeSelectItem::Single(name)) => last(name).into_iter().collect(),
            Some(ExcludeSelectItem::Multiple(names)) => names.iter().filter_map(last).collect(),
        };
        if let Some(except) = &options.opt_except {
            left_out.push(except.first_element.value.clone());
            left_out.extend(except.additional_elements.iter().map(|name| name.value.clone()));
        }
        let renames = match &options.opt_rename {
            None => Vec::new(),
            Some(RenameSelectItem::Single(item)) => vec![item],
            Some(RenameSelectItem::Multiple(items)) => items.iter().collect(),
        };
        let dialect = self.dialect();
        let same = |one: &str, other: &str| dialect.same_name(one, other);
        for (id, name) in columns {
            if left_out.iter().any(|other| same(other, &name)) {
                continue;
            }
            let replaced = options.opt_replace.iter().flat_map(|replace| &replace.items);
            let replaced = replaced.into_iter().find(|item| same(&item.column_name.value, &name));
            let renamed = renames.iter().find(|item| same(&item.ident.value, &name));
            items.push(match (replaced, renamed) {
                (Some(element), _) => Item::Written(Box::new(element.expr.clone()), name),
                (None, Some(item)) => Item::Column(id, item.alias.value.clone()),
                (None, None) => Item::Column(id, name),
            });
        }
        Ok(())
    }
}
