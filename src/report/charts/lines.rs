//! Curves over a common horizontal axis, with bands for their confidence intervals.

use super::{Area, Drawn, FINENESS, anchored, figure, fine, text};
use crate::report::ReportError;
use crate::report::palette::{GRID, INK, MUTED, Marker, marker};
use maud::Markup;
use plotters::chart::{ChartBuilder, LabelAreaPosition};
use plotters::element::{Circle, EmptyElement, PathElement, Polygon, Rectangle, TriangleMarker};
use plotters::style::text_anchor::{HPos, VPos};
use plotters::style::{Color, RGBColor, ShapeStyle};
use std::ops::Range;

const HEIGHT: u32 = 300;
/// Points a curve is drawn with at most; more than a screen shows only make the file large.
const MOST_POINTS: usize = 400;
/// Markers on a curve at most.
const MARKERS: usize = 8;
/// Values beyond this do not belong on a chart (a loss that diverged) and would break its arithmetic.
const LARGEST: f64 = 1e15;

/// What a chart of curves shows.
pub(in crate::report) struct LineChart<'a> {
    pub(in crate::report) title: &'a str,
    pub(in crate::report) description: &'a str,
    /// What the horizontal axis counts.
    pub(in crate::report) x_label: &'a str,
    /// Writes a tick of the vertical axis, given the distance between ticks.
    pub(in crate::report) y_tick: fn(value: f64, step: f64) -> String,
    /// Values the vertical axis never leaves (0 to 1 for an accuracy).
    pub(in crate::report) y_limits: Range<f64>,
    pub(in crate::report) series: Vec<Series>,
}

/// One curve.
pub(in crate::report) struct Series {
    pub(in crate::report) name: String,
    pub(in crate::report) colour: RGBColor,
    /// In ascending order of x.
    pub(in crate::report) points: Vec<Point>,
}

/// A point of a curve: `y`, certain within `y ± half`.
#[derive(Clone, Copy)]
pub(in crate::report) struct Point {
    pub(in crate::report) x: f64,
    pub(in crate::report) y: f64,
    pub(in crate::report) half: Option<f64>,
}

/// Draws the curves; `None` when no curve has a point that can be drawn.
pub(in crate::report) fn lines(chart: &LineChart<'_>) -> Result<Option<Markup>, ReportError> {
    let drawable: Vec<(RGBColor, Vec<Point>)> =
        chart.series.iter().map(|series| (series.colour, thinned(&series.points))).collect();
    let all = || drawable.iter().flat_map(|(_, points)| points);
    let xs = range(all().map(|point| point.x));
    let ends = all().flat_map(|point| {
        let half = point.half.unwrap_or(0.0);
        [point.y - half, point.y + half].map(|end| end.clamp(chart.y_limits.start, chart.y_limits.end))
    });
    let (Some(xs), Some(ys)) = (xs, range(ends)) else { return Ok(None) };
    let ys = padded(ys, &chart.y_limits);
    figure(chart.title, chart.description, HEIGHT, |area| draw(area, chart, &drawable, xs, ys)).map(Some)
}

fn draw(
    area: &Area<'_>,
    chart: &LineChart<'_>,
    drawable: &[(RGBColor, Vec<Point>)],
    xs: Range<f64>,
    ys: Range<f64>,
) -> Drawn {
    let step = (ys.end - ys.start) / 6.0;
    let mut context = ChartBuilder::on(area)
        .margin_top(fine(8))
        .margin_right(fine(18))
        .set_label_area_size(LabelAreaPosition::Left, fine(60))
        .set_label_area_size(LabelAreaPosition::Bottom, fine(44))
        .build_cartesian_2d(xs, ys.clone())?;
    context
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(GRID.mix(0.0))
        .bold_line_style(stroke(GRID, 1.0))
        .axis_style(stroke(MUTED, 1.0))
        .label_style(text(MUTED))
        .axis_desc_style(anchored(INK, HPos::Center, VPos::Top))
        .set_all_tick_mark_size(fine(4))
        .x_labels(7)
        .y_labels(7)
        .x_desc(chart.x_label)
        .x_label_formatter(&|x| short_count(*x))
        .y_label_formatter(&|y| (chart.y_tick)(*y, step))
        .draw()?;
    let inside = |y: f64| y.clamp(ys.start, ys.end);
    for (colour, points) in drawable {
        let half = |point: &Point| point.half.unwrap_or(0.0);
        let upper = points.iter().map(|point| (point.x, inside(point.y + half(point))));
        let lower = points.iter().rev().map(|point| (point.x, inside(point.y - half(point))));
        if points.iter().any(|point| point.half.is_some()) {
            let outline: Vec<(f64, f64)> = upper.chain(lower).collect();
            context.draw_series([Polygon::new(outline, colour.mix(0.16))])?;
        }
    }
    for (colour, points) in drawable {
        let line: Vec<(f64, f64)> = points.iter().map(|point| (point.x, inside(point.y))).collect();
        let marked = super::evenly(&line, MARKERS);
        match marker(*colour) {
            // A path of one point is not seen.
            None if line.len() > 1 => {}
            None | Some(Marker::Circle) => {
                let circle = |at| Circle::new(at, fine(4), colour.filled());
                context.draw_series(marked.into_iter().map(circle))?;
            }
            Some(Marker::Square) => {
                let half = fine(4) as i32;
                let square = |at| {
                    EmptyElement::at(at) + Rectangle::new([(-half, -half), (half, half)], colour.filled())
                };
                context.draw_series(marked.into_iter().map(square))?;
            }
            Some(Marker::Triangle) => {
                let triangle = |at| TriangleMarker::new(at, fine(5), colour.filled());
                context.draw_series(marked.into_iter().map(triangle))?;
            }
        }
        context.draw_series([PathElement::new(line, stroke(*colour, 2.2))])?;
    }
    Ok(())
}

fn stroke(colour: RGBColor, width: f64) -> ShapeStyle {
    colour.stroke_width((width * f64::from(FINENESS)).round() as u32)
}

/// At most [`MOST_POINTS`] points that can be drawn, evenly chosen, the last among them.
fn thinned(points: &[Point]) -> Vec<Point> {
    let sane = |value: f64| value.is_finite() && value.abs() < LARGEST;
    let finite: Vec<Point> = points
        .iter()
        .filter(|point| sane(point.x) && sane(point.y))
        .map(|point| Point { half: point.half.filter(|half| sane(*half)), ..*point })
        .collect();
    super::evenly(&finite, MOST_POINTS)
}

/// From the least to the greatest value, widened if they are the same.
fn range(values: impl Iterator<Item = f64>) -> Option<Range<f64>> {
    let (least, greatest) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, g), v| (l.min(v), g.max(v)));
    if least > greatest {
        return None;
    }
    let width = if greatest - least > greatest.abs() * 1e-9 { 0.0 } else { greatest.abs().max(1.0) / 2.0 };
    Some(least - width..greatest + width)
}

/// A little air above and below, but not beyond the limits; down to the lower limit where it is not far.
fn padded(range: Range<f64>, limits: &Range<f64>) -> Range<f64> {
    let height = range.end - range.start;
    let near = range.start - limits.start < height * 0.3;
    let start = if near { limits.start } else { range.start - height * 0.04 };
    start..(range.end + height * 0.04).min(limits.end)
}

/// `800`, `50 k`, `1.2 M`.
fn short_count(value: f64) -> String {
    let (scaled, unit) = match value.abs() {
        v if v >= 1e9 => (value / 1e9, " G"),
        v if v >= 1e6 => (value / 1e6, " M"),
        v if v >= 1e4 => (value / 1e3, " k"),
        _ => (value, ""),
    };
    format!("{}{unit}", (scaled * 1e3).round() / 1e3)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(values: &[f64]) -> Result<Option<Markup>, ReportError> {
        let points = values.iter().enumerate();
        let points = points.map(|(x, &y)| Point { x: x as f64, y, half: Some(y.abs() / 10.0) }).collect();
        lines(&LineChart {
            title: "t",
            description: "d",
            x_label: "round",
            y_tick: |value, _| value.to_string(),
            y_limits: f64::NEG_INFINITY..f64::INFINITY,
            series: vec![Series { name: "s".into(), colour: INK, points }],
        })
    }

    #[test]
    fn what_cannot_be_drawn_is_left_out_and_nothing_panics() {
        assert!(chart(&[]).unwrap().is_none());
        assert!(chart(&[f64::NAN, f64::INFINITY, 1e300]).unwrap().is_none());
        for values in
            [&[0.0][..], &[1.0, 1.0], &[1e-12, 2e-12], &[-1e14, 1e14], &[2.0, f64::NAN, 3.0], &[7e13]]
        {
            let svg = chart(values).unwrap().expect("something to draw").into_string();
            assert!(!svg.contains("NaN") && !svg.contains("inf"), "{values:?}: {svg}");
        }
    }

    #[test]
    fn a_point_alone_is_seen() {
        let drawn = |values: &[f64]| chart(values).unwrap().unwrap().into_string().contains("<circle");
        assert!(drawn(&[0.5]) && !drawn(&[0.5, 0.6]));
    }

    #[test]
    fn a_long_curve_is_thinned_but_keeps_its_end() {
        let points: Vec<Point> = (0..10_001).map(|x| Point { x: f64::from(x), y: 0.0, half: None }).collect();
        let kept = thinned(&points);
        assert!(kept.len() <= MOST_POINTS && kept.len() > MOST_POINTS / 2, "{}", kept.len());
        assert_eq!((kept[0].x, kept[kept.len() - 1].x), (0.0, 10_000.0));
    }

    #[test]
    fn counts_on_an_axis_are_short() {
        let read = [0.0, 800.0, 9_500.0, 50_000.0, 1.25e6, 2e9].map(short_count);
        assert_eq!(read, ["0", "800", "9500", "50 k", "1.25 M", "2 G"]);
    }
}
