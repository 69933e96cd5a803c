//! The page's colours, in a light and a dark shade, and the style sheet.
//!
//! Charts are drawn in light shades, as if there were no others. The sheet maps each of them to the variable of its
//! colour, so that charts, text and tables change together, and a chart taken out of the page still has colours.

use std::fmt::Write as _;

use plotters::style::RGBColor;

use super::chart::FINE;

/// A colour of the page.
#[derive(Debug, PartialEq)]
pub(super) struct Paint {
    /// Its variable in the style sheet: `--ours`.
    name: &'static str,
    light: u32,
    dark: u32,
    /// A line of this colour also differs in how it is broken, for eyes that see the colours alike.
    dash: Option<[u32; 2]>,
}

const fn paint(name: &'static str, light: u32, dark: u32) -> Paint {
    Paint { name, light, dark, dash: None }
}

const fn dashed(name: &'static str, light: u32, dark: u32, dash: [u32; 2]) -> Paint {
    Paint { name, light, dark, dash: Some(dash) }
}

/// What is written on, and with.
const PAGE: Paint = paint("page", 0xFD_FDFC, 0x13_161A);
const PANEL: Paint = paint("panel", 0xF4_F5F5, 0x1B_1F25);
const INK: Paint = paint("ink", 0x1A_1D21, 0xE4_E7EB);
pub(super) const MUTED: Paint = paint("muted", 0x5B_636E, 0x9B_A5B1);
pub(super) const RULE: Paint = paint("rule", 0xDF_E2E5, 0x2E_343C);
/// Verdicts.
const PASS: Paint = paint("pass", 0x0B_6E69, 0x4F_C9BF);
const FAIL: Paint = paint("fail", 0xB3_1D28, 0xFF_8A80);
const FAIL_PANEL: Paint = paint("fail-panel", 0xFC_EDED, 0x33_1B1D);
const SKIPPED: Paint = paint("skipped", 0x6A_7079, 0x98_A0AA);
/// Whose numbers they are.
pub(super) const OURS: Paint = paint("ours", 0x0B_5FA5, 0x6C_B4F7);
pub(super) const BOOK: Paint = dashed("book", 0xBF_4A00, 0xFF_A05C, [6, 3]);
const TORCH: Paint = paint("torch", 0x75_4A9E, 0xC3_A1EF);
/// More series of one chart.
const THIRD: Paint = dashed("third", 0x0A_7068, 0x56_CDC0, [2, 3]);
const FOURTH: Paint = dashed("fourth", 0x8A_3A7A, 0xEB_9FDC, [10, 4]);

/// What the series of a chart are drawn in, in this order, and from the start again if there are more.
pub(super) const SERIES: [&Paint; 4] = [&OURS, &BOOK, &THIRD, &FOURTH];

const ALL: [&Paint; 14] = [
    &PAGE,
    &PANEL,
    &INK,
    &MUTED,
    &RULE,
    &PASS,
    &FAIL,
    &FAIL_PANEL,
    &SKIPPED,
    &OURS,
    &BOOK,
    &TORCH,
    &THIRD,
    &FOURTH,
];

impl Paint {
    /// The light shade, to draw with.
    pub(super) fn rgb(&self) -> RGBColor {
        let [_, r, g, b] = self.light.to_be_bytes();
        RGBColor(r, g, b)
    }

    /// As a value of CSS.
    pub(super) fn var(&self) -> String {
        format!("var(--{})", self.name)
    }

    /// As a value of SVG, where one of CSS's pixels is so many units.
    pub(super) fn dash(&self, unit: u32) -> Option<String> {
        self.dash.map(|[drawn, free]| format!("{} {}", drawn * unit, free * unit))
    }
}

/// The whole style sheet.
pub(super) fn css() -> String {
    let variables = |shade: fn(&Paint) -> u32| {
        let set = |paint: &&Paint| format!("--{}:#{:06X};", paint.name, shade(paint));
        ALL.iter().map(set).collect::<String>()
    };
    let (light, dark) = (variables(|paint| paint.light), variables(|paint| paint.dark));
    // Paper is white, whatever the screen.
    let mut css =
        format!(":root{{{light}}}\n@media screen and (prefers-color-scheme:dark){{:root{{{dark}}}}}\n");
    for paint in ALL {
        let (shade, var) = (format!("#{:06X}", paint.light), paint.var());
        for property in ["fill", "stroke"] {
            let _ = writeln!(css, ".chart [{property}=\"{shade}\"]{{{property}:{var}}}");
        }
        if let Some(dash) = paint.dash(FINE) {
            let _ = writeln!(css, ".chart polyline[stroke=\"{shade}\"]{{stroke-dasharray:{dash}}}");
        }
    }
    css + include_str!("style.css")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// WCAG's relative luminance.
    fn luminance(colour: u32) -> f64 {
        let [_, rgb @ ..] = colour.to_be_bytes();
        let linear = rgb.map(|byte| {
            let x = f64::from(byte) / 255.0;
            if x <= 0.04045 { x / 12.92 } else { ((x + 0.055) / 1.055).powf(2.4) }
        });
        0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    }

    fn contrast(one: u32, other: u32) -> f64 {
        let (a, b) = (luminance(one), luminance(other));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn everything_written_is_readable() {
        for (paint, ground) in [&INK, &MUTED, &PASS, &FAIL, &SKIPPED, &OURS, &BOOK, &TORCH, &THIRD, &FOURTH]
            .into_iter()
            .flat_map(|paint| [&PAGE, &PANEL].map(|ground| (paint, ground)))
            .chain([(&FAIL, &FAIL_PANEL), (&INK, &FAIL_PANEL), (&MUTED, &FAIL_PANEL)])
        {
            // WCAG's AA for text.
            for (text, ground) in [(paint.light, ground.light), (paint.dark, ground.dark)] {
                let found = contrast(text, ground);
                assert!(found >= 4.5, "{} #{text:06X} on #{ground:06X}: {found:.2}", paint.name);
            }
        }
    }

    #[test]
    fn the_sheet_knows_every_colour() {
        let sheet = include_str!("style.css");
        for used in sheet.split("var(--").skip(1) {
            let name = used.split([')', ',']).next().unwrap();
            let known = ALL.iter().any(|paint| paint.name == name) || sheet.contains(&format!("--{name}:"));
            assert!(known, "var(--{name})");
        }
        // A shade of two colours could not be mapped back.
        for (i, paint) in ALL.iter().enumerate() {
            assert!(ALL[..i].iter().all(|other| other.light != paint.light), "{}", paint.name);
        }
    }
}
