//! A section's code, line by line.

use maud::{Markup, html};

use crate::report::{Row, SectionReport};

/// Where a section's code begins.
pub(super) fn id(section: &SectionReport) -> String {
    format!("{}-code", section.key)
}

/// The line of the code that says a row.
pub(super) fn line(section: &SectionReport, row: &Row) -> String {
    format!("{}-{}", id(section), row.line)
}

/// The code, folded. A link to a line unfolds it.
pub(super) fn listing(section: &SectionReport, code: &str) -> Markup {
    html! {
        details.code id=(id(section)) {
            summary { "The code of this section " span { (section.code) } }
            pre tabindex="0" aria-label={ "The code of " (section.title) } {
                code {
                    @for (i, text) in code.lines().enumerate() {
                        // (A comment stands on lines of its own.)
                        span id={ (id(section)) "-" (i + 1) } .comment[text.trim_start().starts_with("//")] { (text) }
                    }
                }
            }
        }
    }
}
