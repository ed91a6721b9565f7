//! Load driver of the knowledge base: how fast it takes passages in, opens and answers, against its size.
//!
//! The corpus is made by recombining the sections of a folder of documents; vectors are made by mixing embeddings of real
//! passages, so that they spread as real ones do. Questions are asked at a fixed rate, each with its own embedding.
//!
//! usage: cargo bench --workspace --bench knowledge_load -- --corpus DIR --models DIR [--sizes 1000,10000,100000] [--rate 50]
//! [--seconds 20] [--modes lexical,vector,hybrid] [--keep DIR]

mod corpus;
mod measure;

use std::path::PathBuf;

use clap::Parser;

/// Load driver of the knowledge base.
#[derive(Parser)]
struct Args {
    /// A folder of documents to recombine
    #[arg(long)]
    corpus: PathBuf,
    /// Passages of each run
    #[arg(long, value_delimiter = ',', default_value = "1000,10000,100000")]
    sizes: Vec<usize>,
    /// Questions a second
    #[arg(long, default_value_t = 50)]
    rate: u32,
    /// How long they are asked
    #[arg(long, default_value_t = 20)]
    seconds: u32,
    /// How to search; all modes unless named
    #[arg(long, value_delimiter = ',')]
    modes: Vec<String>,
    /// The folder of the embedding models
    #[arg(long, env = "KUBEWRIGHT_MODELS")]
    models: PathBuf,
    /// Keep the knowledge bases in this folder, and use those that are there
    #[arg(long)]
    keep: Option<PathBuf>,
    /// Only ask the knowledge base in this folder: how the driver calls itself, so that memory is that of asking alone
    #[arg(long, hide = true)]
    ask: Option<PathBuf>,
    /// Cargo passes this; it means nothing here
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        if let Some(folder) = &args.ask {
            return measure::questions(folder, &args).await;
        }
        measure::embedding(&args.models, &args.corpus).await?;
        for size in &args.sizes {
            measure::size(*size, &args).await?;
        }
        Ok(())
    })
}
