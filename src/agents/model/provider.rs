//! From the settings of a provider to rig's model of its wire.

use anyhow::{Context as _, bail};
use reqwest::redirect::Policy;
use rig_core::DynModel;
use rig_core::operation::Completion;
use rig_core::providers::anthropic::AnthropicConfig;
use rig_core::providers::gemini::GeminiConfig;
use rig_core::providers::ollama::OllamaConfig;
use rig_core::providers::openai::wire::{AZURE, Auth, Dialect, LLAMACPP};
use rig_core::providers::openai::{OpenAIConfig, Route};
use secrecy::ExposeSecret as _;
use std::time::Duration;
use url::{Host, Url};

use super::clean::Clean;
use super::patience::Patience;
use super::transport::Bounded;
use crate::settings::{ProviderKind, ProviderSettings};

/// What this program calls itself to servers.
const USER_AGENT: &str = concat!("kubewright/", env!("CARGO_PKG_VERSION"));

/// Any server that speaks OpenAI's chat completions: the limit of the answer is `max_tokens`, a key is optional.
const COMPATIBLE: Dialect = Dialect::gateway("openai_compatible", "", "");

/// The way to one provider.
pub(super) fn transport(
    settings: &ProviderSettings,
    patience: &Patience,
    clean: Clean,
) -> anyhow::Result<Bounded> {
    if let Some(url) = &settings.url {
        refuse_plain_text(settings.kind, url)?;
    }
    // reqwest is built without a TLS implementation of its own; choosing twice is no fault.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut client = reqwest::Client::builder()
        .user_agent(USER_AGENT)
        .connect_timeout(patience.connect.min(settings.timeout))
        .read_timeout(longest_silence(settings, patience))
        .timeout(settings.timeout)
        .redirect(Policy::none());
    if settings.url.as_ref().is_some_and(is_loopback) {
        // A proxy of the environment leads elsewhere than to this machine.
        client = client.no_proxy();
    }
    Ok(Bounded::new(client.build().context("the HTTP client of a model provider")?, clean))
}

/// Longest silence that is waited for. Servers on one's own machines are silent while they read a long question.
fn longest_silence(settings: &ProviderSettings, patience: &Patience) -> Duration {
    if settings.kind.reads_in_silence() { settings.timeout } else { patience.silence.min(settings.timeout) }
}

/// A key that goes to a public service in plain text is no longer a secret.
fn refuse_plain_text(kind: ProviderKind, url: &Url) -> anyhow::Result<()> {
    if kind.needs_tls() && url.scheme() != "https" && !is_loopback(url) {
        bail!("a provider of kind {} must be reached over https", kind.name());
    }
    Ok(())
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// The model on its wire.
///
/// OpenAI is asked for chat completions, not for responses: nothing is stored there unless asked for, whereas responses
/// are stored unless forbidden in every request, and it is the wire that all other servers of this family share, so that
/// what is tested against one holds for all. The price is that hidden reasoning is not carried from turn to turn.
pub(super) fn model(settings: &ProviderSettings, model: &str, http: Bounded) -> DynModel<Completion> {
    let key = settings.key.as_ref().map_or("", |key| key.expose_secret());
    let url = settings.url.as_ref().map(|url| url.as_str().trim_end_matches('/'));
    match settings.kind {
        ProviderKind::OpenAi => {
            let config = OpenAIConfig::new(key).with_route(Route::Chat);
            at(config, url).connect(http).completion(model).erase()
        }
        ProviderKind::Azure => {
            let config = at(OpenAIConfig::with_key(&AZURE, key), url);
            let config = match &settings.api_version {
                Some(version) => config.with_api_version(version),
                None => config,
            };
            config.connect(http).completion(model).erase()
        }
        ProviderKind::LlamaCpp => {
            at(OpenAIConfig::with_key(&LLAMACPP, key), url).connect(http).completion(model).erase()
        }
        ProviderKind::OpenAiCompatible => {
            let config = OpenAIConfig::with_key(&COMPATIBLE, key).with_auth(Auth::OptionalBearer);
            at(config, url).connect(http).completion(model).erase()
        }
        ProviderKind::Anthropic => {
            let config = AnthropicConfig::new(key);
            let config = match url {
                Some(url) => config.with_base_url(url),
                None => config,
            };
            config.connect(http).completion(model).erase()
        }
        ProviderKind::Gemini => {
            let config = GeminiConfig::new(key);
            let config = match url {
                Some(url) => config.with_base_url(url),
                None => config,
            };
            config.connect(http).completion(model).erase()
        }
        ProviderKind::Ollama => {
            let config = OllamaConfig::new().with_api_key(key);
            let config = match url {
                Some(url) => config.with_base_url(url),
                None => config,
            };
            config.connect(http).native_completion(model).erase()
        }
    }
}

fn at(config: OpenAIConfig, url: Option<&str>) -> OpenAIConfig {
    match url {
        Some(url) => config.with_base_url(url),
        None => config,
    }
}

#[cfg(test)]
mod tests {
    use url::Url;

    use super::refuse_plain_text;
    use crate::settings::ProviderKind;

    #[test]
    fn keys_of_public_services_do_not_travel_in_plain_text() {
        let refused = |kind, url: &str| refuse_plain_text(kind, &Url::parse(url).unwrap()).is_err();
        assert!(refused(ProviderKind::OpenAi, "http://api.example.org/v1"));
        assert!(refused(ProviderKind::Anthropic, "http://10.0.0.1"));
        assert!(!refused(ProviderKind::Gemini, "https://example.org"));
        assert!(!refused(ProviderKind::Azure, "http://127.0.0.1:9"));
        assert!(!refused(ProviderKind::Ollama, "http://ollama.models.svc:11434"));
        assert!(!refused(ProviderKind::OpenAiCompatible, "http://vllm:8000/v1"));
    }
}
