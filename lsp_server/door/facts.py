"""What clients ask before they ask for code: is there a model, what can it do, does it know suffixes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import psutil

from lsp_server.compose import Description
from lsp_server.door.call import Json


@dataclass(frozen=True, slots=True)
class Facts:
    """version: redraft's; started: seconds since the epoch."""

    model: Description
    version: str
    started: int


def health(facts: Facts) -> Json:
    return {"status": "ok"}


def props(facts: Facts) -> Json:
    return {
        "default_generation_settings": {"n_ctx": facts.model.context, "params": {}},
        "total_slots": 1,
        "model_path": facts.model.name,
        "model_alias": facts.model.name,
        "chat_template": "",
        "modalities": {"vision": False, "audio": False},
        "build_info": f"redraft {facts.version}",
    }


def model(facts: Facts) -> Json:
    """As OpenAI describes one, with what Mistral's clients insist on."""
    chats = dict.fromkeys(("completion_chat", "function_calling", "fine_tuning", "vision"), False)
    named = {"id": facts.model.name, "object": "model", "created": facts.started, "owned_by": "redraft"}
    return {**named, "type": "base", "capabilities": {"completion_fim": True, **chats}}


def models(facts: Facts) -> Json:
    return {"object": "list", "data": [model(facts)]}


def tabby_health(facts: Facts) -> Json:
    return {
        "model": facts.model.name,
        "device": facts.model.device,
        "arch": "",
        "cpu_info": "",
        "cpu_count": psutil.cpu_count() or 1,
        "cuda_devices": [],
        "version": {"build_date": "", "build_timestamp": "", "git_sha": "", "git_describe": f"redraft {facts.version}"},
    }


def tabby_setting(facts: Facts) -> Json:
    return {"disable_client_side_telemetry": True}


def ollama_tags(facts: Facts) -> Json:
    name = f"{facts.model.name}:latest"
    digest = hashlib.sha256(name.encode()).hexdigest()
    model = {"name": name, "model": name, "modified_at": "2025-01-01T00:00:00Z", "size": facts.model.bytes}
    return {"models": [model | {"digest": digest, "details": _details(facts)}]}


def ollama_show(facts: Facts) -> Json:
    """Continue looks for `.Suffix` in the template and for `insert` to learn that holes can be filled."""
    return {
        "modelfile": "",
        "parameters": "",
        "template": "{{ .Prompt }}{{ .Suffix }}",
        "details": _details(facts),
        "model_info": {"general.architecture": "redraft", "redraft.context_length": facts.model.context},
        "capabilities": ["completion", "insert"],
    }


def ollama_running(facts: Facts) -> Json:
    return {"models": []}


def ollama_version(facts: Facts) -> Json:
    """Clients compare it with Ollama's; the first that knew `insert` is enough."""
    return {"version": "0.6.0"}


def slots(facts: Facts) -> list[Json]:
    return []


def _details(facts: Facts) -> Json:
    return {
        "parent_model": "",
        "format": "onnx",
        "family": "redraft",
        "families": ["redraft"],
        "parameter_size": "",
        "quantization_level": facts.model.quantization,
    }


@dataclass(frozen=True, slots=True)
class Probe:
    """A path that answers from the facts. path: as OpenAPI writes it; what stands in braces may hold slashes. public:
    needs no token."""

    path: str
    answer: Callable[[Facts], Any]
    summary: str
    methods: tuple[str, ...] = ("GET",)
    dialect: str = "llama.cpp"
    public: bool = False


PROBES = (
    Probe("/health", health, "Whether the model is loaded.", public=True),
    Probe("/props", props, "What llama.cpp's clients look up."),
    Probe("/slots", slots, "None to choose from."),
    Probe("/models", models, "The model.", dialect="openai"),
    Probe("/v1/models", models, "The model.", dialect="openai"),
    Probe("/v1/models/{model}", model, "The model, whatever name it is asked by.", dialect="openai"),
    Probe("/v1/health", tabby_health, "What tabby-agent asks first.", ("GET", "POST"), "tabby"),
    Probe("/v1beta/server_setting", tabby_setting, "Asks Tabby's clients to send no telemetry.", dialect="tabby"),
    Probe("/api/version", ollama_version, "A version of Ollama that knows suffixes.", dialect="ollama"),
    Probe("/api/tags", ollama_tags, "The model.", dialect="ollama"),
    Probe("/api/ps", ollama_running, "None that could be unloaded.", dialect="ollama"),
    Probe("/api/show", ollama_show, "What the model can do.", ("POST",), "ollama"),
)
