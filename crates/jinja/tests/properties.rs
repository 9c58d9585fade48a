//! Whatever the input: parsing ends with a template or an error that points into the text, never with a panic.

use std::sync::Arc;

use highwater_jinja::{Lookup, Options, Template, Value, render};
use proptest::prelude::*;

/// Pieces that templates are made of, so that random texts get past the lexer.
fn piece() -> impl Strategy<Value = String> {
    let known = [
        "{{",
        "}}",
        "{%",
        "%}",
        "{#",
        "#}",
        "{%-",
        "-%}",
        "{{-",
        "+%}",
        " if ",
        " else ",
        " elif ",
        " endif ",
        " for ",
        " in ",
        " endfor ",
        " set ",
        " endset ",
        " macro m(",
        " endmacro ",
        " call ",
        " endcall ",
        " raw ",
        " endraw ",
        " do ",
        " not ",
        " is ",
        " and ",
        " or ",
        " defined ",
        " recursive ",
        "docs d",
        "enddocs",
        "snapshot s",
        "endsnapshot",
        "test t()",
        "endtest",
        "materialization m, default",
        "endmaterialization",
        "'",
        "\"",
        "\\",
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        ".",
        ",",
        ":",
        "=",
        "==",
        "|",
        "~",
        "+",
        "-",
        "*",
        "**",
        "/",
        "//",
        "%",
        "<",
        ">",
        "x",
        "loop",
        "upper",
        "range(3)",
        "1",
        "1.5",
        "1e9",
        "0x",
        "99999999999999999999999999999999999999999",
        "é",
        "\u{2028}",
        "\r\n",
        "\n",
        " ",
        "return(",
        "caller()",
        "namespace(a=1)",
        "'%s' % ",
    ];
    prop_oneof![9 => prop::sample::select(known.to_vec()).prop_map(str::to_string), 1 => any::<String>()]
}

fn check(source: &str) -> Result<(), TestCaseError> {
    let context: Arc<dyn Lookup> = Arc::new(|name: &str| (name == "x").then(|| Value::from("text")));
    let rendered = Template::parse("any.sql", source).and_then(|template| {
        template.static_calls();
        template.blocks();
        render(&template, &context, &Options::default())
    });
    match rendered {
        Ok(output) => {
            for offset in 0..output.text.len() {
                let place = output.map.locate(offset);
                prop_assert!(place.is_some_and(|(_, span)| span.start <= span.end && span.end <= source.len()));
            }
        }
        Err(error) => {
            if let Some(span) = error.span() {
                prop_assert!(span.start <= span.end && span.end <= source.len(), "{} {:?}", error, span);
                prop_assert!(source.is_char_boundary(span.start) && source.is_char_boundary(span.end));
            }
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text(source in any::<String>()) {
        check(&source)?;
    }

    #[test]
    fn likely_text(pieces in prop::collection::vec(piece(), 0..40)) {
        check(&pieces.concat())?;
    }

    #[test]
    fn likely_expression(pieces in prop::collection::vec(piece(), 0..12)) {
        check(&format!("{{{{ {} }}}}", pieces.concat()))?;
    }
}

#[test]
fn nesting_within_the_limit_renders() {
    let context: Arc<dyn Lookup> = Arc::new(|name: &str| (name == "x").then(|| Value::from(1)));
    let sources = [
        format!("{{{{ {}1{} }}}}", "(".repeat(90), ")".repeat(90)),
        format!("{{{{ {}1{} }}}}", "[".repeat(90), "]".repeat(90)),
        format!("{{{{ x{} }}}}", " + 1".repeat(190)),
        format!("{{{{ x{} }}}}", " | string".repeat(190)),
        format!("{}y{}", "{% if x %}".repeat(95), "{% endif %}".repeat(95)),
        format!("{}{{{{ i }}}}{}", "{% for i in [1] %}".repeat(95), "{% endfor %}".repeat(95)),
    ];
    for source in sources {
        let template = Template::parse("deep.sql", &source).expect("within the limit");
        render(&template, &context, &Options::default()).expect("renders");
    }
}

#[test]
fn deep_nesting_is_an_error() {
    for (open, close) in [("(", ")"), ("[", "]"), ("{1:", "}"), ("not ", ""), ("-", ""), ("x(", ")")] {
        let source = format!("{{{{ {}1{} }}}}", open.repeat(20_000), close.repeat(20_000));
        let error = Template::parse("deep.sql", &source).expect_err("too deep");
        assert!(error.message().contains("nested too deeply"), "{open}: {error}");
    }
    for (start, link) in [("x", ".a"), ("1", " + 1"), ("x", " | upper"), ("x", "[0]"), ("x", "()"), ("x", " if x")] {
        let source = format!("{{{{ {start}{} }}}}", link.repeat(20_000));
        let error = Template::parse("deep.sql", &source).expect_err("too deep");
        assert!(error.message().contains("nested too deeply"), "{link}: {error}");
    }
    let blocks = "{% if x %}".repeat(20_000);
    assert!(Template::parse("deep.sql", &blocks).expect_err("too deep").message().contains("nested too deeply"));
    let wide = format!("{{{{ 'a'{} }}}}", " ~ 'b'".repeat(20_000));
    assert!(Template::parse("wide.sql", &wide).is_ok());
}
