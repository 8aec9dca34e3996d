//! What lists of models are filtered by: an index from terms to models.
//!
//! A tag is two terms, its name and its name with its value; so are properties. The
//! migration that made the table has the spelling of the terms.

use sqlx::{QueryBuilder, Sqlite};
use wharf_core::model::{Model, ModelSpec};

use crate::{
    StoreError, Txn,
    row::{id, size},
};

/// Which models of a list are wanted.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ModelFilter {
    /// Exactly this name.
    pub name: Option<String>,
    /// With these tags; `None` as value asks for the name alone.
    pub tags: Vec<(String, Option<String>)>,
    /// With these properties, likewise.
    pub properties: Vec<(String, Option<String>)>,
    /// Of this run.
    pub run_id: Option<String>,
    /// With this dataset.
    pub dataset: Option<String>,
    /// Of this framework.
    pub framework: Option<String>,
    /// Only the newest version of each name.
    pub latest_only: bool,
}

fn label(kind: char, name: &str, value: Option<&str>) -> String {
    match value {
        None => format!("{kind}?{name}"),
        Some(value) => format!("{kind}={name}\u{1f}{value}"),
    }
}

impl ModelFilter {
    /// The terms that a model must have, those that fewest have first.
    pub(crate) fn terms(&self) -> Vec<String> {
        let mut terms: Vec<String> = [
            ('r', &self.run_id),
            ('d', &self.dataset),
            ('f', &self.framework),
        ]
        .into_iter()
        .filter_map(|(kind, value)| Some(format!("{kind}={}", value.as_ref()?)))
        .collect();
        let labels = [('t', &self.tags), ('p', &self.properties)];
        let mut labels: Vec<_> = labels
            .into_iter()
            .flat_map(|(kind, labels)| labels.iter().map(move |it| (kind, it)))
            .collect();
        labels.sort_by_key(|(_, (_, value))| value.is_none());
        let labels = labels.into_iter();
        let labels = labels.map(|(kind, (name, value))| label(kind, name, value.as_deref()));
        // A run or a dataset has few models, a framework may have all.
        let framework = terms.iter().position(|term| term.starts_with("f="));
        let framework = framework.map(|at| terms.remove(at));
        terms.extend(labels);
        terms.extend(framework);
        terms
    }
}

/// The terms of a model.
fn terms(spec: &ModelSpec) -> Vec<String> {
    let mut terms = Vec::new();
    for (kind, labels) in [('t', &spec.tags), ('p', &spec.properties)] {
        for (name, value) in labels {
            terms.push(label(kind, name, None));
            terms.push(label(kind, name, Some(value)));
        }
    }
    let extra = |name: &str| spec.extra.get(name);
    let run = extra("runId").and_then(|run| run.as_str());
    terms.extend(run.map(|run| format!("r={run}")));
    let datasets = extra("datasets").and_then(|datasets| datasets.as_array());
    let datasets = datasets.map_or(&[][..], Vec::as_slice).iter();
    let datasets = datasets.filter_map(|dataset| dataset.get("id")?.as_str());
    terms.extend(datasets.map(|dataset| format!("d={dataset}")));
    let framework = spec.framework.iter();
    terms.extend(framework.map(|framework| format!("f={framework}")));
    terms.sort_unstable();
    terms.dedup();
    terms
}

impl Txn {
    /// Writes the terms of a model, instead of those it had.
    pub(crate) async fn model_terms_put(&mut self, model: &Model) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM model_terms WHERE model = ?")
            .bind(id(&model.uuid))
            .execute(self.db())
            .await?;
        // SQLite takes some 32,000 values in one statement.
        for terms in terms(&model.spec).chunks(500) {
            let mut insert = QueryBuilder::<Sqlite>::new(
                "INSERT INTO model_terms (model, term, workspace, name, newest_first) ",
            );
            insert.push_values(terms, |mut row, term| {
                row.push_bind(model.uuid.as_bytes().to_vec())
                    .push_bind(term.clone())
                    .push_bind(model.workspace.as_bytes().to_vec())
                    .push_bind(model.id.name.to_string())
                    .push_bind(-size(model.id.version));
            });
            insert.build().execute(self.db()).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_that_few_models_have_come_first() {
        let filter = ModelFilter {
            name: Some("iris".into()),
            tags: vec![("any".into(), None), ("a".into(), Some("b".into()))],
            properties: vec![("p".into(), Some("q=r".into()))],
            run_id: Some("run".into()),
            dataset: None,
            framework: Some("Onnx".into()),
            latest_only: true,
        };
        let wanted = ["r=run", "t=a\u{1f}b", "p=p\u{1f}q=r", "t?any", "f=Onnx"];
        assert_eq!(filter.terms(), wanted);
        assert!(ModelFilter::default().terms().is_empty());
    }
}
