//! The catalog as completions look things up in it.

use crate::app::ProviderView;

/// Ids that a person who has typed `typed` may mean: those that begin with it, then those that contain it.
pub(super) fn complete(catalog: &[ProviderView], typed: &str) -> Vec<String> {
    let typed = typed.trim().to_lowercase();
    let (begin, contain): (Vec<_>, Vec<_>) = catalog
        .iter()
        .map(|provider| provider.id)
        .filter(|id| id.contains(&typed))
        .partition(|id| id.starts_with(&typed));
    begin.into_iter().chain(contain).map(str::to_owned).collect()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::{
        app::{FieldView, Readiness},
        provider::spec::{Category, Webhooks},
        record::Kind,
    };

    pub(in crate::mcp) fn provider(id: &'static str, name: &'static str) -> ProviderView {
        ProviderView {
            rank: 1,
            id,
            name,
            provider_type: Category::Productivity,
            record_types: &[Kind::Message],
            capabilities: &["Mails"],
            auth: vec!["oauth", "token"],
            status: Readiness::Ready,
            help: "where to find it",
            fields: vec![FieldView {
                name: "access_token",
                label: "Token",
                help: "in the settings",
                secret: true,
                required: true,
                list: false,
            }],
            webhooks: Webhooks::Offered,
        }
    }

    #[test]
    fn completion_gives_what_begins_so_before_what_contains_it() {
        let catalog =
            [provider("apple-calendar", ""), provider("calendly", ""), provider("slack", "")];
        assert_eq!(complete(&catalog, "Cal"), ["calendly", "apple-calendar"]);
        assert_eq!(complete(&catalog, "").len(), 3);
    }
}
