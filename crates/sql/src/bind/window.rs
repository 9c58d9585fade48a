//! Windows by name.

use sqlparser::ast::{Ident, NamedWindowDefinition, NamedWindowExpr, WindowSpec, WindowType};

use super::expression::Resolver;

impl Resolver<'_, '_> {
    /// A window with its name followed to its definition.
    pub(super) fn window(&self, over: &WindowType, depth: usize) -> Option<WindowSpec> {
        let defined = |name: &Ident| {
            let found =
                self.names.windows.iter().find(|NamedWindowDefinition(other, _)| {
                    self.binder.dialect().same_name(&other.value, &name.value)
                })?;
            match &found.1 {
                NamedWindowExpr::NamedWindow(base) if depth < 20 => {
                    self.window(&WindowType::NamedWindow(base.clone()), depth + 1)
                }
                NamedWindowExpr::WindowSpec(spec) if depth < 20 => {
                    self.window(&WindowType::WindowSpec(spec.clone()), depth + 1)
                }
                _ => None,
            }
        };
        match over {
            WindowType::NamedWindow(name) => defined(name),
            WindowType::WindowSpec(spec) => match &spec.window_name {
                None => Some(spec.clone()),
                Some(base) => {
                    let base = defined(base)?;
                    let mut merged = spec.clone();
                    merged.window_name = None;
                    merged.partition_by = base.partition_by;
                    if merged.order_by.is_empty() {
                        merged.order_by = base.order_by;
                    }
                    Some(merged)
                }
            },
        }
    }
}
