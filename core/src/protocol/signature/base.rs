//! The text that is signed (RFC 9421, section 2.5).

use sfv::{StringRef, string_ref};

/// What a signature must cover, in the order in which it is written here.
pub(super) const COVERED: [&StringRef; 5] = [
    string_ref("@method"),
    string_ref("@authority"),
    string_ref("@path"),
    string_ref("@query"),
    string_ref("content-digest"),
];

/// The line of a component.
pub(super) fn line(component: &StringRef, value: impl AsRef<str>) -> String {
    format!("\"{component}\": {}", value.as_ref())
}

/// The lines of the components, and the parameters as they stand in `Signature-Input`.
pub(super) fn signature_base(lines: impl IntoIterator<Item = String>, parameters: &str) -> String {
    let mut base: String = lines.into_iter().map(|line| line + "\n").collect();
    base += "\"@signature-params\": ";
    base + parameters
}
