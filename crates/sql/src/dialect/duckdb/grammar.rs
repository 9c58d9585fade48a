//! DuckDB's grammar, with what the parser's own dialect of it leaves out: `first_value(x ignore nulls)`.

use std::any::TypeId;

use sqlparser::dialect::{Dialect, DuckDbDialect};

/// The grammar.
pub(super) static GRAMMAR: Grammar = Grammar(DuckDbDialect);

/// See the module.
#[derive(Debug)]
pub(super) struct Grammar(DuckDbDialect);

/// Methods that ask the parser's own dialect.
macro_rules! inherited {
    ($($method:ident)*) => { $(fn $method(&self) -> bool { self.0.$method() })* };
}

impl Dialect for Grammar {
    fn dialect(&self) -> TypeId {
        self.0.dialect()
    }

    fn is_identifier_start(&self, character: char) -> bool {
        self.0.is_identifier_start(character)
    }

    fn is_identifier_part(&self, character: char) -> bool {
        self.0.is_identifier_part(character)
    }

    fn identifier_quote_style(&self, identifier: &str) -> Option<char> {
        self.0.identifier_quote_style(identifier)
    }

    fn supports_window_function_null_treatment_arg(&self) -> bool {
        true
    }

    inherited! {
        supports_trailing_commas supports_filter_during_aggregation supports_group_by_expr supports_bitwise_shift_operators
        supports_named_fn_args_with_eq_operator supports_named_fn_args_with_assignment_operator supports_dictionary_syntax
        support_map_literal_syntax supports_lambda_functions allow_extract_single_quotes supports_explain_with_utility_options
        supports_load_extension supports_array_typedef_with_brackets supports_from_first_select supports_order_by_all
        supports_select_wildcard_exclude supports_notnull_operator supports_install supports_detach supports_select_wildcard_replace
        supports_comma_separated_trim supports_numeric_literal_underscores
    }
}
