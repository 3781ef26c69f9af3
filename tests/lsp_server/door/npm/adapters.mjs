// Continue's adapters, each against the server named on the command line: one JSON line of {provider: text}.
import { constructLlmApi } from "@continuedev/openai-adapters";

const [server] = process.argv.slice(2);
const bases = { openai: "/v1/", mistral: "/v1/", inception: "/v1/", "llama.cpp": "/v1/", deepseek: "/" };
const texts = {};
for (const [provider, base] of Object.entries(bases)) {
  const api = constructLlmApi({ provider, apiKey: "unused", apiBase: server + base });
  const asked = { model: "any", prompt: "def add(", suffix: "\n", max_tokens: 40, stream: true };
  texts[provider] = "";
  for await (const chunk of api.fimStream(asked, new AbortController().signal)) {
    texts[provider] += chunk.choices[0]?.delta?.content ?? "";
  }
}
console.log(JSON.stringify(texts));
