//! The index in its folder: the stored data of a document, writing documents, and the mark of the last change.
//!
//! The index holds nothing that the database does not. If it is damaged, incomplete or of another version, it is
//! emptied and filled again.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tantivy::directory::MmapDirectory;
use tantivy::schema::document::Value as _;
use tantivy::schema::{
    FAST, Field, INDEXED, IndexRecordOption, OwnedValue, STORED, STRING, Schema, TextFieldIndexing, TextOptions,
};
use tantivy::store::Compressor;
use tantivy::tokenizer::{PreTokenizedString, Token};
use tantivy::{
    Index, IndexBuilder, IndexReader, IndexSettings, IndexWriter, ReloadPolicy, Searcher, TantivyDocument, Term,
};

use super::analysis::{Analyzer, Word};
use super::features::letters;
use super::language::{Language, Languages};
use super::{Document, SearchError};

/// The version of the index format. An index of another version is emptied.
const FORMAT_VERSION: u32 = 1;
/// The bytes that the writer gathers before it writes a segment, for few documents and for many. The library refuses
/// less than 15 MB.
const ARENA: (usize, usize) = (15_000_000, 60_000_000);
/// From how many documents on the greater arena, and a second thread, are used.
const MANY: usize = 1_000;
/// How often each word of the title is indexed. A word of the body is indexed once.
const TITLE_COUNTS: usize = 3;
/// How often each word of a tag is indexed.
const LABELS_COUNT: usize = 2;
/// How many terms of a body are stored for ranking. Later terms are found, but do not affect the rank.
const KEPT_TERMS: usize = 4_000;

/// The mark of an index's state, which each commit stores.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Mark {
    shape: u32,
    /// The languages in which texts were turned into terms.
    languages: Vec<Language>,
    /// The name of the database of the documents. The numbers of changes in another database are unrelated.
    pub(super) source: String,
    /// The number of the last change that the index contains.
    pub(super) through: i64,
}

/// The fields of a document.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fields {
    pub(super) id: Field,
    /// All words of a document. Words of the title and of labels are repeated.
    pub(super) all: Field,
    /// The words of the title.
    pub(super) title: Field,
    pub(super) audience: Field,
    pub(super) language: Field,
    pub(super) at: Field,
    of_service: Field,
    kept: Field,
}

impl Fields {
    fn schema() -> (Schema, Self) {
        let words = TextFieldIndexing::default().set_index_option(IndexRecordOption::WithFreqs).set_tokenizer("raw");
        let words = TextOptions::default().set_indexing_options(words);
        let mut schema = Schema::builder();
        let fields = Self {
            id: schema.add_text_field("id", STRING | STORED),
            all: schema.add_text_field("all", words.clone()),
            title: schema.add_text_field("title", words),
            audience: schema.add_text_field("audience", STRING),
            language: schema.add_text_field("language", STRING),
            at: schema.add_i64_field("at", FAST | INDEXED),
            of_service: schema.add_text_field("of_service", STORED),
            kept: schema.add_bytes_field("kept", STORED),
        };
        (schema.build(), fields)
    }
}

/// The stored data for ranking a document. Terms are stored as their hashes, in the order of the text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct RankingData {
    /// Its language, by [`code`].
    pub(super) language: u32,
    /// The terms of its title.
    pub(super) title: Vec<u32>,
    /// The terms of its tags.
    pub(super) labels: Vec<u32>,
    /// The terms of its body.
    pub(super) body: Vec<u32>,
    /// The three-letter groups of its title, sorted; see [`letters`].
    pub(super) letters: Vec<u32>,
}

impl RankingData {
    fn to_bytes(&self) -> Vec<u8> {
        let lists = [&self.title, &self.labels, &self.body, &self.letters];
        let lengths = lists.map(|list| u32::try_from(list.len()).unwrap_or(u32::MAX));
        let numbers = std::iter::once(&self.language).chain(&lengths).chain(lists.into_iter().flatten());
        numbers.flat_map(|number| number.to_le_bytes()).collect()
    }

    fn of_bytes(bytes: &[u8]) -> Option<Self> {
        let numbers: Vec<u32> =
            bytes.chunks_exact(4).filter_map(|four| four.try_into().ok()).map(u32::from_le_bytes).collect();
        let (language, numbers) = numbers.split_first()?;
        let (lengths, mut rest) = numbers.split_at_checked(4)?;
        let mut lists = [const { Vec::new() }; 4];
        for (list, length) in lists.iter_mut().zip(lengths) {
            let (these, behind) = rest.split_at_checked(usize::try_from(*length).ok()?)?;
            (*list, rest) = (these.to_vec(), behind);
        }
        let [title, labels, body, letters] = lists;
        Some(Self { language: *language, title, labels, body, letters })
    }
}

/// All stored data of a document.
#[derive(Clone, Debug)]
pub(super) struct Stored {
    pub(super) id: String,
    pub(super) service: Option<String>,
    pub(super) kept: RankingData,
}

/// Averages of an index.
#[derive(Clone, Copy, Debug)]
pub(super) struct Statistics {
    /// The average number of words of a title.
    pub(super) title: f32,
    /// The average number of words of a body.
    pub(super) body: f32,
}

/// Returns the number of a language, as it is stored.
pub(super) fn code(language: Language) -> u32 {
    hash(language.code())
}

/// Returns the number of a term, as it is stored: its FNV-1a hash (<http://www.isthe.com/chongo/tech/comp/fnv/>).
/// Unlike the hash of the standard library, it is the same in every version of Rust, as the disk format requires.
pub(super) fn hash(term: &str) -> u32 {
    term.bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

/// An index on disk that is open for reading and writing.
#[derive(Clone)]
pub(super) struct OpenIndex {
    pub(super) index: Index,
    reader: IndexReader,
    pub(super) fields: Fields,
    pub(super) mark: Mark,
}

impl std::fmt::Debug for OpenIndex {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OpenIndex").field("mark", &self.mark).finish_non_exhaustive()
    }
}

impl OpenIndex {
    /// Opens the index of this folder. Creates an empty one if there is none, or if it cannot be read or has another
    /// format, other languages or another source.
    pub(super) fn open(folder: &Path, languages: &Languages, source: &str) -> Result<Self, SearchError> {
        match Self::opened(folder, languages, source) {
            Ok(Some(open)) => return Ok(open),
            Ok(None) => {}
            Err(error) => {
                tracing::warn!(
                    folder = %folder.display(), %error,
                    "the search index cannot be read; an empty one is created, and filled again"
                )
            }
        }
        Self::create_empty(folder, languages, source)
    }

    /// Empties the folder and creates an empty index in it.
    pub(super) fn create_empty(folder: &Path, languages: &Languages, source: &str) -> Result<Self, SearchError> {
        empty(folder)?;
        let (schema, fields) = Fields::schema();
        let settings = IndexSettings { docstore_compression: Compressor::Lz4, ..IndexSettings::default() };
        let index = IndexBuilder::new().schema(schema).settings(settings).create_in_dir(folder)?;
        let mark =
            Mark { shape: FORMAT_VERSION, languages: languages.all().to_vec(), source: source.to_owned(), through: 0 };
        Ok(Self { reader: reader(&index)?, index, fields, mark })
    }

    fn opened(folder: &Path, languages: &Languages, source: &str) -> Result<Option<Self>, SearchError> {
        if !folder.is_dir()
            || !Index::exists(&MmapDirectory::open(folder).map_err(tantivy::TantivyError::from)?)
                .map_err(tantivy::TantivyError::from)?
        {
            return Ok(None);
        }
        let index = Index::open_in_dir(folder)?;
        let (schema, fields) = Fields::schema();
        let mark: Option<Mark> = index.load_metas()?.payload.and_then(|payload| serde_json::from_str(&payload).ok());
        let is_ours =
            |mark: &Mark| mark.shape == FORMAT_VERSION && mark.languages == languages.all() && mark.source == source;
        let Some(mark) = mark.filter(is_ours).filter(|_| index.schema() == schema) else { return Ok(None) };
        Ok(Some(Self { reader: reader(&index)?, index, fields, mark }))
    }

    /// Returns a searcher over the index as it is now.
    pub(super) fn searcher(&self) -> Searcher {
        self.reader.searcher()
    }

    /// Writes documents, replacing those with the same ids, and removes those with the ids `gone`, in one commit with
    /// the new mark.
    pub(super) fn write(
        &mut self,
        documents: &[Document],
        gone: &[String],
        through: i64,
        languages: &Languages,
    ) -> Result<(), SearchError> {
        let (threads, arena) = if documents.len() < MANY { (1, ARENA.0) } else { (2, ARENA.1) };
        // The writer is not kept open, since its arena is large.
        let mut writer: IndexWriter = self.index.writer_with_num_threads(threads, arena)?;
        for id in documents.iter().map(|document| &document.id).chain(gone) {
            writer.delete_term(Term::from_field_text(self.fields.id, id));
        }
        let add = |some: &[Document]| {
            let mut analyzer = Analyzer::default();
            for document in some {
                writer.add_document(self.prepare(document, &mut analyzer, languages))?;
            }
            Ok::<(), SearchError>(())
        };
        // Turning texts into terms takes as long as writing them, so it is done in parallel, too.
        std::thread::scope(|scope| {
            let parts = documents.chunks(documents.len().div_ceil(threads).max(1));
            let working: Vec<_> = parts.map(|some| scope.spawn(|| add(some))).collect();
            let panicked = || SearchError::Broken("writing it panicked".to_owned());
            working.into_iter().try_for_each(|one| one.join().unwrap_or_else(|_| Err(panicked())))
        })?;
        let mark = Mark { through, ..self.mark.clone() };
        let mut commit = writer.prepare_commit()?;
        commit.set_payload(&serde_json::to_string(&mark).map_err(|error| SearchError::Broken(error.to_string()))?);
        commit.commit()?;
        writer.wait_merging_threads()?;
        self.reader.reload()?;
        self.mark = mark;
        Ok(())
    }

    fn prepare(&self, document: &Document, analyzer: &mut Analyzer, languages: &Languages) -> TantivyDocument {
        let language =
            document.language.unwrap_or_else(|| languages.of(&format!("{}\n{}", document.title, document.body)));
        let title = analyzer.words(&document.title, language);
        let body = analyzer.words(&document.body, language);
        let labels = analyzer.words(&document.tags.join(" "), language);
        let hashes = |words: &[Word]| words.iter().map(|word| hash(&word.term)).collect::<Vec<u32>>();
        let kept = RankingData {
            language: code(language),
            title: hashes(&title),
            labels: hashes(&labels),
            body: hashes(&body[..body.len().min(KEPT_TERMS)]),
            letters: letters(&document.title),
        };
        let mut all = Vec::with_capacity(title.len() * TITLE_COUNTS + labels.len() * LABELS_COUNT + body.len());
        for _ in 0..TITLE_COUNTS {
            all.extend_from_slice(&title);
        }
        for _ in 0..LABELS_COUNT {
            all.extend_from_slice(&labels);
        }
        all.extend(body);
        let mut prepared = TantivyDocument::new();
        let fields = &self.fields;
        prepared.add_text(fields.id, &document.id);
        if let Some(service) = &document.service {
            prepared.add_text(fields.of_service, service);
        }
        for (field, words) in [(fields.all, all), (fields.title, title)] {
            prepared.add_field_value(field, &OwnedValue::from(pre_tokenized(words)));
        }
        prepared.add_text(fields.audience, document.audience.as_str());
        prepared.add_text(fields.language, language.code());
        prepared.add_i64(fields.at, document.at_ms);
        prepared.add_bytes(fields.kept, &kept.to_bytes());
        prepared
    }

    /// Returns the stored data of a document.
    pub(super) fn stored(&self, document: &TantivyDocument) -> Option<Stored> {
        let text = |field| document.get_first(field).and_then(|value| value.as_str()).map(str::to_owned);
        Some(Stored {
            id: text(self.fields.id)?,
            service: text(self.fields.of_service),
            kept: RankingData::of_bytes(document.get_first(self.fields.kept)?.as_bytes()?)?,
        })
    }

    /// Returns the averages of this index.
    pub(super) fn statistics(&self, searcher: &Searcher) -> Result<Statistics, SearchError> {
        let (mut title, mut all) = (0, 0);
        for segment in searcher.segment_readers() {
            title += segment.inverted_index(self.fields.title)?.total_num_tokens();
            all += segment.inverted_index(self.fields.all)?.total_num_tokens();
        }
        let documents = searcher.num_docs().max(1);
        #[expect(clippy::cast_precision_loss, reason = "an average")]
        let mean = |tokens: u64| (tokens as f32 / documents as f32).max(1.0);
        #[expect(clippy::cast_precision_loss, reason = "a weight")]
        let counts = TITLE_COUNTS as f32;
        let (title, all) = (mean(title), mean(all));
        Ok(Statistics { title, body: (all - counts * title).max(1.0) })
    }

    /// Returns the languages of the index's documents.
    pub(super) fn languages(&self, searcher: &Searcher) -> Result<Vec<Language>, SearchError> {
        let mut found = Vec::new();
        for segment in searcher.segment_readers() {
            let inverted = segment.inverted_index(self.fields.language)?;
            let mut terms = inverted.terms().stream().map_err(tantivy::TantivyError::from)?;
            while let Some((term, _)) = terms.next() {
                found.extend(std::str::from_utf8(term).ok().and_then(|code| code.parse::<Language>().ok()));
            }
        }
        found.sort_unstable();
        found.dedup();
        Ok(found)
    }
}

fn pre_tokenized(words: Vec<Word>) -> PreTokenizedString {
    let token = |(position, word): (usize, Word)| Token {
        offset_from: word.from,
        offset_to: word.to,
        position,
        text: word.term,
        position_length: 1,
    };
    PreTokenizedString { text: String::new(), tokens: words.into_iter().enumerate().map(token).collect() }
}

fn reader(index: &Index) -> Result<IndexReader, SearchError> {
    Ok(index.reader_builder().reload_policy(ReloadPolicy::Manual).try_into()?)
}

/// Empties the folder, creating it if necessary.
fn empty(folder: &Path) -> Result<(), SearchError> {
    let failed =
        |error: std::io::Error| SearchError::Folder { folder: PathBuf::from(folder), error: error.to_string() };
    if folder.exists() {
        std::fs::remove_dir_all(folder).map_err(failed)?;
    }
    std::fs::create_dir_all(folder).map_err(failed)
}
