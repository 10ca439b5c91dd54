//! The import rules of `docs/ARCHITECTURE.md`, checked against the files under `src` and `inbox/src`.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

/// The providers, which never import each other.
const PROVIDERS: [&str; 4] = ["grader", "graphoid", "scoreapp", "tomba"];

type Imports = BTreeMap<String, BTreeSet<String>>;

/// A crate whose structure is described.
struct House {
    /// The folder of its files.
    folder: &'static str,
    /// The headings of its table and of its rules.
    table: &'static str,
    rules: &'static str,
}

const HOUSES: [House; 2] = [
    House {
        folder: "src",
        table: "## The source files",
        rules: "## Import rules",
    },
    House {
        folder: "inbox/src",
        table: "## The inbox",
        rules: "### Import rules of the inbox",
    },
];

#[test]
fn every_import_keeps_to_the_rules() {
    let broken: Vec<_> = HOUSES.iter().flat_map(broken_rules).collect();
    assert!(broken.is_empty(), "{broken:#?}");
}

fn broken_rules(house: &House) -> Vec<String> {
    let rules = house.rules();
    let mut broken = Vec::new();
    for (file, imports) in &house.imports() {
        let (room, inner) = file.split_once("::").unwrap_or((file, ""));
        let allowed = rules
            .get(room)
            .unwrap_or_else(|| panic!("no rule for {room}"));
        for import in imports {
            let same_room = import == room || import.starts_with(&format!("{room}::"));
            let permitted = if room == "providers" && same_room {
                shares_provider(inner, import)
            } else {
                same_room
                    || allowed
                        .iter()
                        .any(|rule| import == rule || import.starts_with(&format!("{rule}::")))
            };
            if !permitted {
                broken.push(format!("{file} imports {import}"));
            }
        }
    }
    broken
}

/// Returns whether a provider imports only its own parts and code that several providers share.
fn shares_provider(file: &str, import: &str) -> bool {
    let provider = |path: &str| PROVIDERS.into_iter().find(|name| path.starts_with(name));
    let other = import
        .trim_start_matches("providers")
        .trim_start_matches("::");
    provider(other).is_none_or(|other| provider(file).is_none_or(|own| own == other))
}

#[test]
fn the_table_has_every_file() {
    for house in &HOUSES {
        let section = section(house.table);
        let listed: BTreeSet<_> = section
            .lines()
            .filter_map(|line| line.strip_prefix("| `")?.split_once(".rs` |"))
            .map(|(file, _)| file.replace('/', "::"))
            .collect();
        let files: BTreeSet<_> = house.sources().into_keys().collect();
        assert_eq!(listed, files, "{}", house.folder);
    }
}

/// Returns a section of `docs/ARCHITECTURE.md`, up to the next heading.
fn section(heading: &str) -> String {
    let text = fs::read_to_string(root().join("docs/ARCHITECTURE.md")).unwrap();
    let (_, section) = text.split_once(&format!("\n{heading}\n")).unwrap();
    section.split("\n#").next().unwrap().to_owned()
}

#[test]
fn the_readme_has_the_program_of_the_front_page() {
    let read = |file| fs::read_to_string(root().join(file)).unwrap();
    assert!(read("README.md").contains(&read("docs/guide/program.md")));
}

#[test]
fn no_imports_form_a_circle() {
    HOUSES.iter().for_each(find_circles);
}

fn find_circles(house: &House) {
    // A provider and its events name each other, so the files of one provider count as one.
    let room = |path: &String| -> String {
        let provider = PROVIDERS.map(|name| format!("providers::{name}"));
        let found = provider.into_iter().find(|name| path.starts_with(name));
        found.unwrap_or_else(|| path.clone())
    };
    let mut merged = Imports::new();
    for (file, imports) in &house.imports() {
        let imports = imports
            .iter()
            .map(room)
            .filter(|import| *import != room(file));
        merged.entry(room(file)).or_default().extend(imports);
    }
    let imports = merged;
    let mut done = BTreeSet::new();
    for file in imports.keys() {
        visit(file, &imports, &mut Vec::new(), &mut done);
    }
}

fn visit(file: &str, imports: &Imports, path: &mut Vec<String>, done: &mut BTreeSet<String>) {
    assert!(
        !path.iter().any(|visited| visited == file),
        "{} -> {file}",
        path.join(" -> ")
    );
    if done.contains(file) {
        return;
    }
    path.push(file.into());
    for import in imports.get(file).into_iter().flatten() {
        visit(import, imports, path, done);
    }
    path.pop();
    done.insert(file.into());
}

#[test]
fn nothing_is_imported_through_the_root_of_the_crate() {
    let sources = HOUSES.iter().flat_map(House::sources);
    for (file, code) in sources {
        let through_root = paths(&code.replace("$crate::", "")).any(|path| {
            let name = path.strip_prefix("crate::");
            name.is_some_and(|name| name.starts_with(char::is_uppercase))
        });
        assert!(!through_root, "{file} imports through the crate's root");
    }
}

impl House {
    /// Returns the list of `docs/ARCHITECTURE.md`: each file or folder with its permitted imports.
    fn rules(&self) -> BTreeMap<String, Vec<String>> {
        let rules: BTreeMap<_, _> = section(self.rules)
            .lines()
            .filter_map(|line| line.strip_prefix("- `")?.split_once("`: "))
            .map(|(room, allowed)| {
                let allowed = allowed.split('`').skip(1).step_by(2).map(String::from);
                (room.into(), allowed.collect())
            })
            .collect();
        assert!(rules.len() >= 10, "the list was not found");
        rules
    }

    /// Returns the imports of each file, as the paths of the files that define them.
    fn imports(&self) -> Imports {
        let sources = self.sources();
        let files: BTreeSet<&String> = sources.keys().collect();
        sources
            .iter()
            .filter(|(file, _)| *file != "lib")
            .map(|(file, code)| {
                let imports = paths(code)
                    .filter_map(|path| {
                        let absolute = absolute(file, &path, &files)?;
                        // The deepest file of the path defines the name.
                        let mut prefix = absolute.as_str();
                        loop {
                            if files.iter().any(|file| *file == prefix) {
                                return Some(prefix.to_owned());
                            }
                            prefix = prefix.rsplit_once("::")?.0;
                        }
                    })
                    .filter(|import| import != file)
                    .collect();
                (file.clone(), imports)
            })
            .collect()
    }

    /// Returns the code of each file, without comments and unit tests.
    fn sources(&self) -> BTreeMap<String, String> {
        let mut sources = BTreeMap::new();
        read_folder(&root().join(self.folder), "", &mut sources);
        assert!(sources.len() > 30, "the sources were not found");
        sources
    }
}

/// Returns the path from the crate's root, if the path is within the crate.
fn absolute(file: &str, path: &str, files: &BTreeSet<&String>) -> Option<String> {
    let parent = file.rsplit_once("::").map_or("", |(parent, _)| parent);
    let join = |base: &str, rest: &str| match base {
        "" => rest.to_owned(),
        base => format!("{base}::{rest}"),
    };
    if let Some(rest) = path.strip_prefix("crate::") {
        Some(rest.into())
    } else if let Some(rest) = path.strip_prefix("super::") {
        Some(join(parent, rest))
    } else {
        let path = path.strip_prefix("self::").unwrap_or(path);
        let child = join(file, path.split("::").next()?);
        files
            .iter()
            .any(|file| **file == child)
            .then(|| join(file, path))
    }
}

/// Returns all paths in a file, in `use` statements and in code.
fn paths(code: &str) -> impl Iterator<Item = String> {
    let mut paths = Vec::new();
    for statement in code.split("use ").skip(1) {
        let tree = statement.split(';').next().unwrap_or_default();
        expand("", tree, &mut paths);
    }
    for root in ["crate::", "super::"] {
        for (index, _) in code.match_indices(root) {
            let path = code[index..]
                .split(|next: char| !next.is_alphanumeric() && next != '_' && next != ':')
                .next();
            paths.extend(path.map(String::from));
        }
    }
    paths.into_iter()
}

/// Expands a tree such as `a::{b, c::d}` into its paths.
fn expand(prefix: &str, tree: &str, paths: &mut Vec<String>) {
    let tree = tree.trim();
    let Some((head, group)) = tree.split_once('{') else {
        paths.push(format!("{prefix}{tree}"));
        return;
    };
    let prefix = format!("{prefix}{head}");
    let (mut depth, mut start) = (0, 0);
    let group = group.trim_end().strip_suffix('}').unwrap_or(group);
    for (index, character) in group.char_indices() {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                expand(&prefix, &group[start..index], paths);
                start = index + 1;
            }
            _ => {}
        }
    }
    if !group[start..].trim().is_empty() {
        expand(&prefix, &group[start..], paths);
    }
}

fn read_folder(folder: &Path, module: &str, sources: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        let module = if module.is_empty() {
            name.to_owned()
        } else {
            format!("{module}::{name}")
        };
        if path.is_dir() && name != "model" {
            read_folder(&path, &module, sources);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let code = text.split("#[cfg(test)]\nmod tests").next().unwrap();
            // The model of the inbox is compiled for tests alone.
            let lines = code.lines().filter(|line| !line.contains("crate::model"));
            let lines = lines.map(|line| line.split("//").next().unwrap());
            sources.insert(module, lines.collect::<Vec<_>>().join("\n"));
        }
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
