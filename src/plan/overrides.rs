//! Applies the overrides of the command line to the tree, before anything is checked.

use super::Overrides;
use super::error::Errors;
use super::interpolate::Environment;
use super::scale::Scale;
use super::span::Span;
use super::suggest::did_you_mean;
use super::text::Text;
use super::tree::{Builder, Key, Node, TableNode, Value};
use toml::de::DeValue;

/// Keys of a target that say where it is and how a built-in one behaves: all of them go when an
/// address is given.
const PLACE_OF_TARGET: [&str; 5] = ["address", "builtin", "body", "greet", "faults"];

/// One argument of the command line, as it is shown and pointed into.
struct Argument<'a> {
    shown: String,
    /// Where the value behind the option's name begins.
    start: usize,
    index: Option<u16>,
    environment: Environment<'a>,
}

impl<'a> Argument<'a> {
    fn new(option: &str, value: &str, environment: Environment<'a>, errors: &mut Errors) -> Self {
        let shown = format!("{option} {value}");
        let index = errors.argument(shown.clone());
        Self { shown, start: option.len() + 1, index, environment }
    }

    /// A place from byte to byte of the option's value.
    fn place(&self, from: usize, to: usize) -> Span {
        Span { argument: self.index, start: self.start + from, end: self.start + to }
    }

    fn builder(&self, offset: usize) -> Builder<'_> {
        Builder {
            text: &self.shown,
            argument: self.index,
            offset: self.start + offset,
            environment: self.environment,
        }
    }

    fn text(&self, from: usize, to: usize, errors: &mut Errors) -> Node {
        let at = self.place(from, to);
        let value = self.shown[at.range()].to_owned();
        Node { at, value: Value::Text(self.builder(from).text(&value, at, errors)) }
    }
}

/// Carries out `--set` and `--target`, in this order.
pub(super) fn apply(
    overrides: &Overrides,
    plan: &mut Node,
    environment: Environment<'_>,
    errors: &mut Errors,
) {
    let Value::Table(root) = &mut plan.value else { return };
    for set in &overrides.set {
        let argument = Argument::new("--set", set, environment, errors);
        apply_set(set, &argument, root, errors);
    }
    for target in &overrides.target {
        let argument = Argument::new("--target", target, environment, errors);
        apply_target(target, &argument, root, errors);
    }
}

/// The factor of `--scale`.
pub(super) fn scale(overrides: &Overrides, errors: &mut Errors) -> Scale {
    let Some(text) = &overrides.scale else { return Scale::default() };
    let argument = Argument::new("--scale", text, &|_| None, errors);
    Scale::parse(text).unwrap_or_else(|(message, help)| {
        errors.add(argument.place(0, text.len()), message).help(help);
        Scale::default()
    })
}

/// The scenarios selected by `--only`.
pub(super) fn only(overrides: &Overrides, names: &[&str], errors: &mut Errors) -> Vec<bool> {
    let mut keep = vec![overrides.only.is_empty(); names.len()];
    for wanted in &overrides.only {
        let argument = Argument::new("--only", wanted, &|_| None, errors);
        match names.iter().position(|name| name == wanted) {
            Some(index) => keep[index] = true,
            None => {
                errors
                    .add(
                        argument.place(0, wanted.len()),
                        format!("the plan has no scenario `{wanted}`"),
                    )
                    .help(did_you_mean(wanted, names.iter().copied(), "its scenarios are"));
            }
        }
    }
    keep
}

/// The folder of `--baseline`, and where it stands.
pub(super) fn baseline(overrides: &Overrides, errors: &mut Errors) -> Option<(String, Span)> {
    let folder = overrides.baseline.as_ref()?;
    let argument = Argument::new("--baseline", folder, &|_| None, errors);
    Some((folder.clone(), argument.place(0, folder.len())))
}

fn apply_target(target: &str, argument: &Argument<'_>, root: &mut TableNode, errors: &mut Errors) {
    let Some(equals) = target.find('=') else {
        errors
            .add(argument.place(0, target.len()), "expected `NAME=ADDRESS`")
            .help(format!("write `--target NAME={target}`, with the name of one of `[targets]`"));
        return;
    };
    let name = &target[..equals];
    let Some(Node { value: Value::Table(targets), .. }) = root.get_mut("targets") else { return };
    let names: Vec<String> = targets.entries.iter().map(|(key, _)| key.name.clone()).collect();
    let Some(Node { value: Value::Table(table), .. }) = targets.get_mut(name) else {
        let names = names.iter().map(String::as_str);
        errors
            .add(argument.place(0, equals), format!("the plan has no target `{name}`"))
            .help(did_you_mean(name, names, "its targets are"));
        return;
    };
    let mut addresses = Vec::new();
    let mut from = equals + 1;
    for address in target[from..].split(',') {
        addresses.push(argument.text(from, from + address.len(), errors));
        from += address.len() + 1;
    }
    table.entries.retain(|(key, _)| !PLACE_OF_TARGET.contains(&key.name.as_str()));
    let key = Key { at: argument.place(0, equals), name: "address".to_owned() };
    let at = argument.place(equals + 1, target.len());
    table.entries.push((key, Node { at, value: Value::List(addresses) }));
}

fn apply_set(set: &str, argument: &Argument<'_>, root: &mut TableNode, errors: &mut Errors) {
    let Some((path, equals)) = path(set) else {
        errors.add(argument.place(0, set.len()), "expected `KEY=VALUE`").help(
            "write `--set KEY=VALUE`, with the key's dotted path: `--set scenarios.web.timeout=5s`",
        );
        return;
    };
    let Some(value) = value(set, equals + 1, argument, errors) else { return };
    let Some((last, way)) = path.split_last() else { return };
    let mut table = root;
    let mut walked: Vec<&str> = Vec::new();
    let mut segments = way.iter().peekable();
    while let Some(segment) = segments.next() {
        let at = argument.place(segment.from, segment.to);
        let names_are_free = matches!(walked.as_slice(), ["scenarios" | "targets"]);
        if table.get(&segment.name).is_none() {
            if names_are_free {
                let names: Vec<&str> =
                    table.entries.iter().map(|(key, _)| key.name.as_str()).collect();
                let noun = walked[0].trim_end_matches('s');
                errors
                    .add(at, format!("the plan has no {noun} `{}`", segment.name))
                    .help(did_you_mean(&segment.name, names.iter().copied(), "it has"));
                return;
            }
            let key = Key { at, name: segment.name.clone() };
            table.entries.push((key, Node { at, value: Value::Table(TableNode::default()) }));
        }
        walked.push(&segment.name);
        let Some(node) = table.get_mut(&segment.name) else { return };
        let is = node.value.kind();
        table = match &mut node.value {
            Value::Table(table) => table,
            Value::List(items) => {
                let Some(index) = segments.next() else {
                    // The last segment is the index: the element as a whole is replaced.
                    if let Some(item) = element(items, last, argument, errors) {
                        *item = value;
                    }
                    return;
                };
                walked.push(&index.name);
                let Some(item) = element(items, index, argument, errors) else { return };
                let kind = item.value.kind();
                let Value::Table(table) = &mut item.value else {
                    let at = argument.place(index.from, index.to);
                    let walked = walked.join(".");
                    errors.add(at, format!("`{walked}` is {kind}, not a table"));
                    return;
                };
                table
            }
            _ => {
                errors.add(at, format!("`{}` is {is}, not a table", walked.join(".")));
                return;
            }
        };
    }
    let at = argument.place(last.from, last.to);
    match table.get_mut(&last.name) {
        Some(node) => *node = value,
        None => table.entries.push((Key { at, name: last.name.clone() }, value)),
    }
}

/// The element of a list that a segment means: by its `name`, or by its number from 0.
fn element<'n>(
    items: &'n mut [Node],
    segment: &PathSegment,
    argument: &Argument<'_>,
    errors: &mut Errors,
) -> Option<&'n mut Node> {
    let named = |item: &Node| match &item.value {
        Value::Table(table) => matches!(
            table.get("name"),
            Some(Node { value: Value::Text(Text { value, .. }), .. }) if *value == segment.name
        ),
        _ => false,
    };
    let count = items.len();
    let found = items
        .iter()
        .position(named)
        .or_else(|| segment.name.parse().ok())
        .filter(|index| *index < count);
    if found.is_none() {
        let at = argument.place(segment.from, segment.to);
        let help = match count {
            0 => "the list is empty".to_owned(),
            _ => format!("write the `name` of an element, or its number from 0 to {}", count - 1),
        };
        errors.add(at, format!("the list has no element `{}`", segment.name)).help(help);
    }
    found.map(|index| &mut items[index])
}

/// The value behind the equals sign: TOML, or else the bare string.
fn value(set: &str, from: usize, argument: &Argument<'_>, errors: &mut Errors) -> Option<Node> {
    let text = &set[from..];
    match DeValue::parse(text) {
        Ok(value) => Some(argument.builder(from).node(&value, errors)),
        Err(error) if is_meant_as_toml(text.trim()) => {
            errors
                .add(argument.place(from, set.len()), format!("invalid TOML: {}", error.message()))
                .help("quote it for the shell: `--set 'KEY=[\"a\", \"b\"]'`");
            None
        }
        Err(_) => Some(argument.text(from, set.len(), errors)),
    }
}

/// Whether a value that is not TOML was meant to be: `[::1]:80` is a string without quotes.
fn is_meant_as_toml(text: &str) -> bool {
    [('[', ']'), ('{', '}'), ('"', '"'), ('\'', '\'')]
        .iter()
        .any(|(open, close)| text.starts_with(*open) && text.ends_with(*close))
}

/// One part of a dotted path.
struct PathSegment {
    name: String,
    from: usize,
    to: usize,
}

/// The parts of a dotted path, quoted ones included, and the place of the equals sign behind it.
fn path(set: &str) -> Option<(Vec<PathSegment>, usize)> {
    let mut segments = Vec::new();
    let mut from = 0;
    loop {
        let rest = &set[from..];
        let quote = rest.chars().next().filter(|c| ['"', '\''].contains(c));
        let (name, length) = if let Some(quote) = quote {
            let end = rest[1..].find(quote)?;
            (&rest[1..=end], end + 2)
        } else {
            let end = rest.find(['.', '='])?;
            (&rest[..end], end)
        };
        if name.trim().is_empty() {
            return None;
        }
        segments.push(PathSegment { name: name.trim().to_owned(), from, to: from + length });
        from += length;
        match set[from..].chars().next()? {
            '.' => from += 1,
            '=' => return Some((segments, from)),
            _ => return None,
        }
    }
}
