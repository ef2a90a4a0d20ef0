//! Many calls that belong together: side by side, in batches, one after the other. All within bounds.

use futures::{StreamExt as _, TryStreamExt as _, stream};

use crate::error::{Error, Result};

/// Runs `step` over all items, `width` at a time; results come in the order of the items. The first error ends it.
///
/// # Errors
/// The first that a step gives.
pub async fn each<T, R, F>(
    items: Vec<T>,
    width: usize,
    step: impl FnMut(T) -> F + Send,
) -> Result<Vec<R>>
where
    T: Send,
    R: Send,
    F: Future<Output = Result<R>> + Send,
{
    stream::iter(items).map(step).buffered(width.max(1)).try_collect().await
}

/// As [`each`], over `size` ids at a time; what the steps give comes as one.
///
/// # Errors
/// The first that a step gives.
pub async fn each_batch<R, F>(
    ids: Vec<String>,
    size: usize,
    width: usize,
    step: impl FnMut(Vec<String>) -> F + Send,
) -> Result<Vec<R>>
where
    R: Send,
    F: Future<Output = Result<Vec<R>>> + Send,
{
    let batches = ids.chunks(size.max(1)).map(<[String]>::to_vec).collect();
    Ok(each(batches, width, step).await?.into_iter().flatten().collect())
}

/// Which of the ids are gone: those of which `is_gone` says so, and those that the vendor does not find.
///
/// # Errors
/// The first that a step gives and that is not [`Error::NotFound`].
pub async fn gone_of<F>(
    ids: Vec<String>,
    width: usize,
    mut is_gone: impl FnMut(String) -> F + Send,
) -> Result<Vec<String>>
where
    F: Future<Output = Result<bool>> + Send,
{
    let asked = each(ids, width, |id| {
        let answer = is_gone(id.clone());
        async move {
            match answer.await {
                Err(Error::NotFound) => Ok(Some(id)),
                gone => gone.map(|gone| gone.then_some(id)),
            }
        }
    });
    Ok(asked.await?.into_iter().flatten().collect())
}

/// All pages of a list that is read in one go: `page` reads the one at a mark, the first without, and tells the mark of the
/// next.
///
/// # Errors
/// The first that a page gives, and [`Error::Unexpected`] for a list of more than `most` pages; `field` is where its marks
/// stand.
pub async fn whole_list<T, M, F>(
    most: usize,
    field: &'static str,
    mut page: impl FnMut(Option<M>) -> F + Send,
) -> Result<Vec<T>>
where
    T: Send,
    M: Send,
    F: Future<Output = Result<(T, Option<M>)>> + Send,
{
    let (mut pages, mut mark) = (Vec::new(), None);
    for _ in 0..most {
        let (read, next) = page(mark).await?;
        pages.push(read);
        if next.is_none() {
            return Ok(pages);
        }
        mark = next;
    }
    Err(Error::unexpected(field, "the list does not end"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(count: usize) -> Vec<String> {
        (0..count).map(|id| id.to_string()).collect()
    }

    #[tokio::test]
    async fn only_what_is_said_or_found_to_be_gone_is_and_no_error_counts_as_an_answer() {
        let gone = gone_of(ids(4), 2, |id| async move {
            match id.as_str() {
                "1" => Ok(true),
                "3" => Err(Error::NotFound),
                _ => Ok(false),
            }
        });
        assert_eq!(gone.await.unwrap(), ["1", "3"]);
        let failed = gone_of(ids(2), 2, |_| async { Err(Error::CursorExpired) });
        assert_eq!(failed.await, Err(Error::CursorExpired));
    }

    #[tokio::test]
    async fn batches_lose_nothing_and_keep_the_order() {
        for count in 0..8 {
            let all = each_batch(ids(count), 3, 2, |ids| async move {
                assert!(ids.len() <= 3);
                Ok(ids)
            });
            assert_eq!(all.await.unwrap(), ids(count));
        }
    }

    #[tokio::test]
    async fn a_list_is_read_to_its_end_and_one_without_end_is_an_error() {
        let page = |last: usize| {
            move |mark: Option<usize>| async move {
                let at = mark.unwrap_or(0);
                Ok((at, (at < last).then_some(at + 1)))
            }
        };
        assert_eq!(whole_list(3, "next", page(2)).await.unwrap(), [0, 1, 2]);
        assert!(matches!(whole_list(3, "next", page(3)).await, Err(Error::Unexpected { .. })));
    }
}
