//! From a byte of rendered text back to the place in the template that wrote it.
//!
//! Text of a macro belongs to the expression of the rendered template that called the macro: that is where the person
//! who reads a database error wants to go.

use crate::Span;

/// One stretch of output, up to the start of the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Segment {
    /// Offset in the output of its first byte.
    start: usize,
    /// The literal text or the tag that wrote it.
    span: Span,
    /// Whether output and source are the same bytes, so that an offset inside the segment can be followed.
    verbatim: bool,
}

/// Maps offsets of the output to spans of the template.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SourceMap {
    template: String,
    segments: Vec<Segment>,
}

impl SourceMap {
    /// An empty map for output of this template.
    pub(crate) fn new(template: &str) -> SourceMap {
        SourceMap { template: template.to_string(), segments: Vec::new() }
    }

    /// Notes that output from `start` on comes from `span`.
    pub(crate) fn mark(&mut self, start: usize, span: Span, verbatim: bool) {
        if let Some(last) = self.segments.last_mut()
            && last.start == start
        {
            *last = Segment { start, span, verbatim };
            return;
        }
        self.segments.push(Segment { start, span, verbatim });
    }

    /// Template and span that wrote the byte at `offset` of the output; `None` before the first byte written.
    ///
    /// In literal text the span starts at the very byte, in the output of an expression it is the whole expression.
    pub fn locate(&self, offset: usize) -> Option<(&str, Span)> {
        let index = self.segments.partition_point(|segment| segment.start <= offset).checked_sub(1)?;
        let segment = self.segments[index];
        let mut span = segment.span;
        if segment.verbatim {
            span.start = (span.start + (offset - segment.start)).min(span.end);
        }
        Some((&self.template, span))
    }
}
