//! The environment document that a deployment carries, as far as Wharf acts on it; and
//! registered environments, of which deployments carry copies.

use serde_json::{Map, Value, json};
use wharf_core::{
    environment::{
        CondaDependency, CondaSpec, DockerSection, EnvironmentSpec, PythonSection,
        RegisteredEnvironment,
    },
    finding::Finding,
    limits::{
        LONGEST_NAME, LONGEST_REFERENCE, MOST_ENVIRONMENT_LABELS, MOST_KEPT_OF_ENVIRONMENT,
        MOST_PACKAGES, MOST_VARIABLES,
    },
};

use super::fields::Fields;

/// Reads an environment if there is one.
pub(super) fn read_if(is_there: bool, environment: &mut Fields<'_>) -> Option<EnvironmentSpec> {
    is_there.then(|| read(environment))
}

/// Reads an environment; wrong types become findings.
fn read(environment: &mut Fields<'_>) -> EnvironmentSpec {
    let is_reference = environment.raw("python").is_none() && environment.raw("docker").is_none();
    if is_reference {
        environment.refuse(
            "python",
            "is missing; an environment comes with its whole definition: Environment.get gives \
             that of a registered one",
        );
    }
    EnvironmentSpec {
        name: environment.line("name", LONGEST_NAME).unwrap_or_default(),
        version: environment.line("version", LONGEST_NAME),
        python: python(&mut environment.object("python")),
        docker: docker(&mut environment.object("docker")),
        variables: environment.labels("environmentVariables", MOST_VARIABLES),
        has_spark: !environment
            .object("spark")
            .list("packages", MOST_PACKAGES)
            .is_empty(),
        has_r: environment.raw("r").is_some(),
        model_frameworks: Vec::new(),
    }
}

fn python(python: &mut Fields<'_>) -> PythonSection {
    let user_managed = python.flag("userManagedDependencies").unwrap_or(false);
    if python.text("baseCondaEnvironment").is_some() {
        python.refuse(
            "baseCondaEnvironment",
            "is not supported: list the packages in condaDependencies",
        );
    }
    // The SDK reads the file and sends its content; a path alone means nothing here.
    let has_file_alone =
        python.raw("condaDependenciesFile").is_some() && python.raw("condaDependencies").is_none();
    if has_file_alone && !user_managed {
        python.refuse(
            "condaDependenciesFile",
            "names a file on the client; send its content in condaDependencies",
        );
    }
    PythonSection {
        user_managed,
        interpreter_path: python.line("interpreterPath", LONGEST_REFERENCE),
        conda: conda(&mut python.object("condaDependencies")),
    }
}

fn conda(conda: &mut Fields<'_>) -> CondaSpec {
    let channels = conda.texts("channels", MOST_PACKAGES);
    let mut dependencies = Vec::new();
    for (index, entry) in conda.list("dependencies", MOST_PACKAGES).iter().enumerate() {
        match entry {
            Value::String(text) => dependencies.push(CondaDependency::Conda(text.clone())),
            Value::Object(section) => match pip_lines(section) {
                Some(lines) => dependencies.push(CondaDependency::Pip(lines)),
                None => conda.refuse(
                    &format!("dependencies[{index}]"),
                    "must have exactly one member, `pip`, an array of texts",
                ),
            },
            _ => conda.refuse(
                &format!("dependencies[{index}]"),
                "must be a package as text, or an object with `pip`",
            ),
        }
    }
    CondaSpec {
        channels,
        dependencies,
    }
}

fn pip_lines(section: &serde_json::Map<String, Value>) -> Option<Vec<String>> {
    let lines = section.get("pip").filter(|_| section.len() == 1)?;
    if lines.is_null() {
        return Some(Vec::new());
    }
    let lines = lines.as_array()?.iter();
    lines.map(|line| line.as_str().map(str::to_owned)).collect()
}

fn docker(docker: &mut Fields<'_>) -> DockerSection {
    DockerSection {
        base_image: docker.line("baseImage", LONGEST_REFERENCE),
        base_dockerfile: docker.text("baseDockerfile"),
        has_build_context: docker.raw("buildContext").is_some(),
    }
}

/// Members of a registration, with what stands for one that is left out.
fn members() -> [(&'static str, Value); 6] {
    [
        ("python", Value::Null),
        ("environmentVariables", json!({})),
        ("docker", Value::Null),
        ("spark", Value::Null),
        ("inferencingStackVersion", Value::Null),
        ("r", Value::Null),
    ]
}

/// Reads a registration, whose members the SDK spells with a large first letter, but for
/// some. What comes back is what is kept: without name and version, which the path has.
///
/// # Errors
/// Every wrong member at once.
pub fn read_registration(body: &Value) -> Result<Value, Vec<Finding>> {
    let mut findings = Vec::new();
    let mut kept = Map::new();
    for (name, value) in body.as_object().into_iter().flatten() {
        let mut letters = name.chars();
        let first = letters.next().map(|letter| letter.to_ascii_lowercase());
        let lower: String = first.into_iter().chain(letters).collect();
        if kept.contains_key(&lower) {
            findings.push(Finding::new(
                lower,
                "is there twice, with and without a large letter",
            ));
        } else {
            kept.insert(lower, value.clone());
        }
    }
    let whole = if body.is_object() {
        Value::Object(kept)
    } else {
        body.clone()
    };
    let mut fields = Fields::of_body(&whole, &mut findings);
    read(&mut fields);
    let kept = members().into_iter().map(|(name, absent)| {
        let value = fields.raw(name).cloned();
        (name.to_owned(), value.unwrap_or(absent))
    });
    let kept: Map<_, _> = kept.collect();
    fields.check_kept("body", &kept, MOST_KEPT_OF_ENVIRONMENT);
    if findings.is_empty() {
        Ok(without_secrets(Value::Object(kept)))
    } else {
        Err(findings)
    }
}

/// Reads the labels for a version.
///
/// # Errors
/// Every wrong member at once.
pub fn read_labels(body: &Value) -> Result<Vec<String>, Vec<Finding>> {
    let mut findings = Vec::new();
    let mut fields = Fields::of_body(body, &mut findings);
    let labels = fields.texts("Labels", MOST_ENVIRONMENT_LABELS);
    if findings.is_empty() {
        Ok(labels)
    } else {
        Err(findings)
    }
}

/// A registered environment as it is shown, and as a deployment carries it.
pub fn document(environment: &RegisteredEnvironment) -> Value {
    let mut document = json!({
        "name": environment.name.as_str(),
        "version": environment.version,
        "assetId": null,
    });
    if let (Some(members), Some(kept)) =
        (document.as_object_mut(), environment.document.as_object())
    {
        members.extend(kept.clone());
    }
    document
}

/// A page of environments. A token at the end, even a null one, means no more.
pub fn page(documents: &[Value], next: Option<&str>) -> Value {
    json!({"value": documents, "continuationToken": next})
}

/// A deployment's image request with its environment as the SDK reads one back: it
/// takes sections for granted that other clients leave out.
pub(super) fn completed(mut request: Value) -> Value {
    let environment = request.pointer_mut("/environment");
    if let Some(environment) = environment.and_then(Value::as_object_mut) {
        environment.entry("version").or_insert(Value::Null);
        for section in ["environmentVariables", "python", "docker"] {
            let section = environment.entry(section).or_insert(Value::Null);
            if section.is_null() {
                *section = json!({});
            }
        }
        if let Some(python) = environment["python"].as_object_mut() {
            python.entry("condaDependencies").or_insert(Value::Null);
            python
                .entry("userManagedDependencies")
                .or_insert(Value::Bool(false));
        }
    }
    request
}

/// The environment as it is stored and shown: the registry's password goes, since
/// nothing of ours reads it and nobody should be shown it.
pub(super) fn without_secrets(mut environment: Value) -> Value {
    if let Some(registry) = environment.pointer_mut("/docker/baseImageRegistry")
        && let Some(registry) = registry.as_object_mut()
        && let Some(password) = registry.get_mut("password")
    {
        *password = Value::Null;
    }
    environment
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use wharf_core::finding::Finding;

    use super::*;

    fn parsed(environment: &Value) -> (EnvironmentSpec, Vec<Finding>) {
        let mut findings = Vec::new();
        let spec = read(&mut Fields::of_body(environment, &mut findings));
        (spec, findings)
    }

    #[test]
    fn the_sdks_document_is_read() {
        let (spec, findings) = parsed(&json!({
            "name": "env", "version": null,
            "environmentVariables": {"AZUREML_ENTRY_SCRIPT": "score.py", "THREADS": 2},
            "python": {
                "userManagedDependencies": false, "interpreterPath": "python",
                "condaDependenciesFile": null, "baseCondaEnvironment": null,
                "condaDependencies": {
                    "channels": ["conda-forge"],
                    "dependencies": ["python=3.8.13", {"pip": ["azureml-defaults", "scikit-learn==1.5"]}],
                    "name": "project_environment"
                }
            },
            "docker": {"baseImage": "img", "baseDockerfile": null, "buildContext": null},
            "spark": {"repositories": [], "packages": [], "precachePackages": true},
            "r": null, "inferencingStackVersion": "latest"
        }));
        assert_eq!(findings, []);
        assert_eq!(spec.variables["THREADS"], "2");
        assert_eq!(spec.python.interpreter_path.as_deref(), Some("python"));
        assert_eq!(
            spec.python.conda.dependencies,
            [
                CondaDependency::Conda("python=3.8.13".into()),
                CondaDependency::Pip(vec!["azureml-defaults".into(), "scikit-learn==1.5".into()]),
            ]
        );
        assert!(!spec.has_spark && !spec.has_r && !spec.docker.has_build_context);
    }

    #[test]
    fn wrong_types_are_told_at_once() {
        let (_, findings) = parsed(&json!({
            "name": 5,
            "python": {
                "userManagedDependencies": "no",
                "baseCondaEnvironment": "base",
                "condaDependencies": {"channels": [1], "dependencies": [7, {"npm": []}, {"pip": [1]}]}
            },
            "environmentVariables": {"A": {}}
        }));
        let fields: Vec<_> = findings.iter().map(|it| it.field.as_str()).collect();
        assert_eq!(
            fields,
            [
                "name",
                "python.userManagedDependencies",
                "python.baseCondaEnvironment",
                "python.condaDependencies.channels[0]",
                "python.condaDependencies.dependencies[0]",
                "python.condaDependencies.dependencies[1]",
                "python.condaDependencies.dependencies[2]",
                "environmentVariables.A",
            ]
        );
    }

    #[test]
    fn a_reference_is_refused() {
        let (_, findings) = parsed(&json!({"name": "AzureML-Minimal", "version": "3"}));
        assert_eq!(findings[0].field, "python");
    }

    #[test]
    fn a_registry_password_is_not_kept() {
        let kept = without_secrets(json!({
            "docker": {"baseImageRegistry": {"address": "a", "username": "u", "password": "p"}}
        }));
        assert!(!kept.to_string().contains("\"p\""));
    }
}
