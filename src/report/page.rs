//! The page around the contents: head, style, provenance, plan.

use crate::document::origin::Origin;
use crate::quantity;
use maud::{DOCTYPE, Markup, PreEscaped, html};

/// A whole page.
pub(super) struct Page<'a> {
    /// What was run ("privet compare").
    pub(super) command: &'a str,
    pub(super) origin: &'a Origin,
    /// The answer, in a sentence.
    pub(super) headline: String,
    /// Provenance only this kind of run has: names and values.
    pub(super) facts: Vec<(&'static str, String)>,
    /// The resolved plan, as TOML.
    pub(super) plan: &'a str,
    pub(super) contents: Markup,
}

impl Page<'_> {
    /// The page as HTML.
    pub(super) fn render(&self) -> String {
        let Page { command, origin, headline, contents, .. } = self;
        let title = format!("{} - {command}", origin.plan.name);
        html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    title { (title) }
                    style { (PreEscaped(include_str!("style.css"))) }
                }
                body {
                    header {
                        p.command { (command) }
                        h1 { (origin.plan.name) }
                        p.headline { (headline) }
                    }
                    main { (contents) (self.provenance()) }
                }
            }
        }
        .into_string()
    }

    fn provenance(&self) -> Markup {
        let Origin { version, started, over, threads, plan, data, clients } = self.origin;
        let threads = threads.to_string();
        let clients = quantity::count((*clients).into());
        let rows = format!(
            "{} ({} training rows over all clients, {} test rows)",
            data.name,
            quantity::count(data.training_rows),
            quantity::count(data.test_rows)
        );
        let over = over.name();
        let common = [
            ("privet", version.as_str()),
            ("started", started.as_str()),
            ("plan", plan.name.as_str()),
            ("plan SHA-256", plan.sha256.as_str()),
            ("data", rows.as_str()),
            ("clients", clients.as_str()),
            ("updates travelled over", over),
            ("threads", threads.as_str()),
        ];
        html! {
            section {
                h2 { "Where this comes from" }
                dl {
                    @for (name, value) in common { dt { (name) } dd { (value) } }
                    @for (name, value) in &self.facts { dt { (name) } dd { (value) } }
                    @if let Some(attribution) = &data.attribution { dt { "attribution" } dd { (attribution) } }
                }
                details.plan { summary { "The plan, with every default" } pre { (self.plan) } }
            }
        }
    }
}
