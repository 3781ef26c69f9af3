// Times llama.cpp (node-llama-cpp's prebuilt binaries) on prompts: node llama.mjs MODEL.gguf PROMPTS.json THREADS TOKENS
// Greedy, prefix only, one JSON line: milliseconds of every token after the first and until each line's end, and the text
// up to the end of the first line that is not blank.
import { readFileSync } from "node:fs";
import { getLlama, LlamaLogLevel } from "node-llama-cpp";

const [modelPath, promptsPath, threads, most] = process.argv.slice(2);
const llama = await getLlama({ gpu: false, build: "never", logLevel: LlamaLogLevel.error, maxThreads: Number(threads) });
const model = await llama.loadModel({ modelPath });
const context = await model.createContext({ contextSize: 2048, threads: Number(threads) });
const sequence = context.getSequence();
const perToken = [];
const perLine = [];
const texts = [];
for (const prompt of JSON.parse(readFileSync(promptsPath, "utf8"))) {
  await sequence.clearHistory();
  let last = performance.now();
  let line = 0;
  let count = 0;
  const tokens = [];
  for await (const token of sequence.evaluate(model.tokenize(prompt), { temperature: 0 })) {
    const now = performance.now();
    if (count > 0) {
      perToken.push(now - last);
      line += now - last;
    }
    last = now;
    count += 1;
    tokens.push(token);
    if (count >= Number(most) || model.detokenize(tokens).trimStart().includes("\n")) break;
  }
  perLine.push(line);
  texts.push(model.detokenize(tokens));
}
console.log(JSON.stringify({ perToken, perLine, texts }));
process.exit(0);
