//! What sections show besides rows.

use anyhow::{Context as _, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder as _};
use maud::{Markup, html};

use super::chart::{Axes, Mark, Point, Shape, draw};
use super::theme::{BOOK, OURS, Paint, SERIES};
use crate::report::{Figure, Histogram, Picture, Series, median};

/// A chart's size, two of which stand side by side on a desktop, and that of one of many.
const CHART: (u32, u32) = (490, 290);
const SMALL: (u32, u32) = (280, 150);

pub(super) fn figure(figure: &Figure) -> Result<Markup> {
    match figure {
        Figure::Curves { title, x, y, first_x, book, runs } => {
            curves(&Labels { title, x, y }, *first_x, book, runs)
        }
        Figure::Pictures { title, columns, pictures } => self::pictures(title, *columns, pictures),
        Figure::Functions { title, x, y, series } => functions(&Labels { title, x, y }, series),
        Figure::Histograms { title, layers } => histograms(title, layers),
        Figure::Confusion { title, classes, counts } => confusion(title, classes, counts),
    }
    .with_context(|| format!("figure {:?}", title(figure)))
}

fn title(figure: &Figure) -> &str {
    let (Figure::Curves { title, .. }
    | Figure::Pictures { title, .. }
    | Figure::Functions { title, .. }
    | Figure::Histograms { title, .. }
    | Figure::Confusion { title, .. }) = figure;
    title
}

struct Labels<'a> {
    title: &'a str,
    x: &'a str,
    y: &'a str,
}

impl Labels<'_> {
    fn chart(&self, what: &str, marks: Vec<Mark>) -> Result<Markup> {
        let label = format!("{}: {what}", self.title);
        draw(&Axes { label: &label, x: self.x, y: self.y, size: CHART }, marks)
    }
}

/// Our median and the range of our runs, with the book's numbers over them. A curve that rises steeply and then creeps is
/// shown twice: the second chart begins where the creeping does.
fn curves(labels: &Labels<'_>, first_x: f64, book: &[f64], runs: &[Vec<f64>]) -> Result<Markup> {
    let length = runs.iter().map(Vec::len).min().unwrap_or(0);
    let columns: Vec<Vec<f64>> = (0..length).map(|i| runs.iter().map(|run| run[i]).collect()).collect();
    let marks = |from: usize| {
        let at = |i: usize| first_x + i as f64;
        let with_x = |of: &dyn Fn(&[f64]) -> f64| -> Vec<Point> {
            columns.iter().enumerate().skip(from).map(|(i, column)| (at(i), of(column))).collect()
        };
        let mut outline = with_x(&|column| column.iter().copied().fold(f64::INFINITY, f64::min));
        outline
            .extend(with_x(&|column| column.iter().copied().fold(f64::NEG_INFINITY, f64::max)).iter().rev());
        let book = book.iter().enumerate().skip(from).map(|(i, &y)| (at(i), y)).collect();
        vec![
            Mark { shape: Shape::Area, points: outline, paint: &OURS },
            Mark { shape: Shape::Line, points: with_x(&|column| median(column)), paint: &OURS },
            Mark { shape: Shape::Dots, points: book, paint: &BOOK },
        ]
    };
    let what = format!("the median and the range of {} runs, and the book's numbers", runs.len());
    let late = creeping(&columns);
    Ok(html! {
        figure.wide[late.is_some()] {
            figcaption { (labels.title) }
            div.panels {
                (labels.chart(&what, marks(0))?)
                @if let Some(from) = late { (labels.chart(&format!("{what}, the later part"), marks(from))?) }
            }
            (key(&[(Shape::Dots, &BOOK, "the book"), (Shape::Line, &OURS, "our median"), (Shape::Area, &OURS, &format!("range of our {} runs", runs.len()))]))
        }
    })
}

/// The epoch from which on all runs together cover less than a sixth of their height, if that is most of the epochs.
fn creeping(epochs: &[Vec<f64>]) -> Option<usize> {
    let height = |part: &[Vec<f64>]| {
        let ends = |(low, high): Point, &y: &f64| (low.min(y), high.max(y));
        let (low, high) = part.iter().flatten().fold((f64::INFINITY, f64::NEG_INFINITY), ends);
        high - low
    };
    let whole = height(epochs);
    (1..=epochs.len() / 2).find(|&from| height(&epochs[from..]) < whole / 6.0).filter(|_| epochs.len() >= 8)
}

fn functions(labels: &Labels<'_>, series: &[Series]) -> Result<Markup> {
    let paints = SERIES.iter().copied().cycle();
    let shape = |series: &Series| if series.line { Shape::Line } else { Shape::Dots };
    let marks = series.iter().zip(paints.clone());
    let marks =
        marks.map(|(series, paint)| Mark { shape: shape(series), points: series.points.clone(), paint });
    let names: Vec<&str> = series.iter().map(|series| &*series.name).collect();
    let entries: Vec<_> =
        series.iter().zip(paints).map(|(series, paint)| (shape(series), paint, &*series.name)).collect();
    Ok(html! {
        figure {
            figcaption { (labels.title) }
            (labels.chart(&names.join(", "), marks.collect())?)
            (key(&entries))
        }
    })
}

/// What is drawn how.
fn key(entries: &[(Shape, &Paint, &str)]) -> Markup {
    html! {
        ul.key {
            @for (shape, paint, words) in entries {
                li {
                    svg width="22" height="12" viewBox="0 0 22 12" aria-hidden="true" style={ "color:" (paint.var()) } {
                        @match shape {
                            Shape::Dots => { circle cx="11" cy="6" r="3.6" fill="currentColor" {} }
                            Shape::Line => { line x1="0" x2="22" y1="6" y2="6" stroke="currentColor" stroke-width="2.2" stroke-dasharray=[paint.dash(1)] {} }
                            Shape::Area | Shape::Bars => { rect width="22" height="12" rx="2" fill="currentColor" opacity=".25" {} }
                        }
                    }
                    (words)
                }
            }
        }
    }
}

fn pictures(title: &str, columns: usize, pictures: &[Picture]) -> Result<Markup> {
    Ok(html! {
        figure.wide[columns > 4] {
            figcaption { (title) }
            ul.pictures style={ "--columns:" (columns) } {
                @for picture in pictures {
                    li {
                        img src=(data_uri(picture)?) width=(picture.width) height=(picture.height) alt={ (title) ": " (picture.label) };
                        (picture.label)
                    }
                }
            }
        }
    })
}

/// The picture as a PNG file, as a URL.
fn data_uri(picture: &Picture) -> Result<String> {
    let Picture { label, height, width, channels, bytes } = picture;
    let colour = match channels {
        1 => ExtendedColorType::L8,
        3 => ExtendedColorType::Rgb8,
        _ => anyhow::bail!("picture {label:?}: {channels} channels"),
    };
    ensure!(
        *height > 0 && *width > 0 && bytes.len() == height * width * channels,
        "picture {label:?}: {} bytes for {height} x {width} pixels of {channels} channels",
        bytes.len()
    );
    let mut png = Vec::new();
    PngEncoder::new(&mut png)
        .write_image(bytes, u32::try_from(*width)?, u32::try_from(*height)?, colour)
        .with_context(|| format!("picture {label:?}"))?;
    Ok(format!("data:image/png;base64,{}", STANDARD.encode(png)))
}

fn histograms(title: &str, layers: &[Histogram]) -> Result<Markup> {
    Ok(html! {
        figure.wide {
            figcaption { (title) }
            div.panels.small {
                @for layer in layers {
                    div {
                        p.panel-title { (layer.name) }
                        (histogram(title, layer)?)
                        p.panel-title { "mean " (format!("{:.3}", layer.mean)) ", std " (format!("{:.3}", layer.std)) }
                    }
                }
            }
        }
    })
}

fn histogram(title: &str, layer: &Histogram) -> Result<Markup> {
    let width = (layer.high - layer.low) / layer.counts.len() as f64;
    let edge = |i: usize| layer.low + i as f64 * width;
    let bars = layer.counts.iter().enumerate();
    let points = bars.flat_map(|(i, &count)| [(edge(i), 0.0), (edge(i + 1), count as f64)]).collect();
    let label = format!("{title}, {}: how often each value occurs", layer.name);
    draw(
        &Axes { label: &label, x: "", y: "", size: SMALL },
        vec![Mark { shape: Shape::Bars, points, paint: &OURS }],
    )
}

fn confusion(title: &str, classes: &[String], counts: &[Vec<u64>]) -> Result<Markup> {
    let square = counts.len() == classes.len() && counts.iter().all(|row| row.len() == classes.len());
    ensure!(square, "{} classes and counts of another shape", classes.len());
    let share = |row: &[u64], count: u64| {
        let sum: u64 = row.iter().sum();
        if sum == 0 { 0.0 } else { count as f64 / sum as f64 }
    };
    Ok(html! {
        figure {
            figcaption { (title) }
            div.scroll {
                table.confusion {
                    thead {
                        tr { th scope="col" { "is \\ taken for" } @for class in classes { th scope="col" { (class) } } }
                    }
                    tbody {
                        @for (i, row) in counts.iter().enumerate() {
                            tr {
                                th scope="row" { (classes[i]) }
                                @for (j, &count) in row.iter().enumerate() {
                                    td.(if i == j { "right" } else { "wrong" }) style=(format!("--share:{:.3}", share(row, count))) { (count) }
                                }
                            }
                        }
                    }
                }
            }
        }
    })
}
