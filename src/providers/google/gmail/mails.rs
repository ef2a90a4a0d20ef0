//! The messages of a page: asked for side by side, as many as it holds.

use std::{pin::pin, sync::Arc};

use futures::{StreamExt, stream};

use super::{
    Cursor,
    calls::{label_names, mail},
    message::Mail,
};
use crate::{
    error::{Error, Result},
    http::Client,
    provider::{Next, Page},
};

/// Messages that one page stores.
const MAILS: usize = 100;
/// Text of messages that one page holds, in bytes: a page that reaches it ends there.
const PAGE_BYTES: usize = 4 << 20;
/// Messages that are asked for at once; the account's bucket paces them.
const AT_ONCE: usize = 40;
/// Answers of a page that may all be unreadable before that counts as the service's fault, not theirs.
const ODD: u32 = 10;

/// What asking for messages brought.
#[derive(Default)]
pub struct Mails {
    kept: Vec<Mail>,
    /// Deleted since, or no longer what is imported.
    gone: Vec<String>,
    odd: u32,
}

/// Fetches the first of the ids, as many as a page holds, and takes them from the list.
pub async fn mails(client: &Client, ids: &mut Vec<String>) -> Result<Mails> {
    let mut found = Mails::default();
    let (mut taken, mut bytes) = (0, 0);
    {
        let wanted: Vec<String> = ids.iter().take(MAILS).cloned().collect();
        let mut answers = pin!(stream::iter(wanted).map(|id| mail(client, id)).buffered(AT_ONCE));
        while let Some((id, answer)) = answers.next().await {
            taken += 1;
            match answer {
                Ok(mail) if mail.is_imported() => {
                    bytes += mail.size();
                    found.kept.push(mail);
                }
                Ok(_) | Err(Error::NotFound) => found.gone.push(id),
                // One message that cannot be read must not keep the rest away for ever; when none can, it is not theirs.
                Err(Error::Unexpected { at, cause })
                    if found.odd < ODD || !found.kept.is_empty() =>
                {
                    tracing::warn!(at, cause, "left out a message that is not what Gmail promises");
                    found.odd += 1;
                }
                Err(cause) => return Err(cause),
            }
            if bytes >= PAGE_BYTES {
                break;
            }
        }
    }
    ids.drain(..taken);
    Ok(found)
}

impl Mails {
    /// The page, with the names of its labels.
    pub async fn page(self, client: &Client, next: Next<Cursor>) -> Result<Page<Cursor>> {
        let names = if self.kept.iter().any(Mail::has_own_labels) {
            label_names(client).await?
        } else {
            Some(Arc::default())
        };
        let records = self.kept.into_iter().map(|mail| mail.into_record(names.as_deref()));
        Ok(Page::new(records, next).removing(self.gone).skipping(self.odd))
    }
}
