// The official Node client against a running network: `node openai_client.mjs URL KEY`.
// Prints one line of JSON per check that held; the first that does not ends the process with 1.
import assert from "node:assert/strict";
import OpenAI from "openai";

const [url, key] = process.argv.slice(2);
const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: key, maxRetries: 0, timeout: 60_000 });
const SUM = [{ role: "user", content: "What is 17 + 25?" }];
const STORY = [{ role: "user", content: "Tell me a long story." }];
const WEATHER = {
  type: "function",
  function: {
    name: "get_weather",
    parameters: { type: "object", properties: { city: { type: "string" } } },
  },
};

async function chatIsAnswered() {
  const answer = await client.chat.completions.create({
    model: "basis-tiny",
    messages: SUM,
    max_tokens: 16,
    temperature: 0,
  });
  assert.match(answer.choices[0].message.content, /42/);
  assert.equal(answer.choices[0].finish_reason, "stop");
  const { prompt_tokens, completion_tokens, total_tokens } = answer.usage;
  assert.equal(prompt_tokens + completion_tokens, total_tokens);
}

async function chatStreams() {
  const whole = await client.chat.completions.create({
    model: "basis-tiny",
    messages: STORY,
    max_tokens: 40,
    temperature: 0,
  });
  const stream = await client.chat.completions.create({
    model: "basis-tiny",
    messages: STORY,
    max_tokens: 40,
    temperature: 0,
    stream: true,
    stream_options: { include_usage: true },
  });
  let text = "";
  let usage = null;
  let reason = null;
  for await (const chunk of stream) {
    text += chunk.choices[0]?.delta?.content ?? "";
    reason = chunk.choices[0]?.finish_reason ?? reason;
    usage = chunk.usage ?? usage;
  }
  assert.equal(text, whole.choices[0].message.content);
  assert.equal(reason, whole.choices[0].finish_reason);
  assert.deepEqual(usage, whole.usage);
}

async function streamCanBeLeft() {
  const stream = await client.chat.completions.create({
    model: "basis-tiny",
    messages: STORY,
    max_tokens: 160,
    stream: true,
  });
  let chunks = 0;
  for await (const _chunk of stream) {
    chunks += 1;
    if (chunks === 3) {
      stream.controller.abort();
      break;
    }
  }
  assert.equal(chunks, 3);
}

async function completionContinues() {
  const whole = await client.completions.create({
    model: "basis-tiny",
    prompt: "Once upon a time",
    max_tokens: 20,
    temperature: 0,
  });
  let text = "";
  const stream = await client.completions.create({
    model: "basis-tiny",
    prompt: "Once upon a time",
    max_tokens: 20,
    temperature: 0,
    stream: true,
  });
  for await (const chunk of stream) {
    text += chunk.choices[0]?.text ?? "";
  }
  assert.equal(text, whole.choices[0].text);
}

async function embeddingsAreFloats() {
  const input = ["a cat", "the tax office"];
  const byDefault = await client.embeddings.create({ model: "basis-tiny-embed", input });
  const asFloats = await client.embeddings.create({
    model: "basis-tiny-embed",
    input,
    encoding_format: "float",
  });
  for (const index of [0, 1]) {
    const [one, other] = [byDefault.data[index].embedding, asFloats.data[index].embedding];
    assert.equal(one.length, other.length);
    assert.ok(one.every((value, at) => Math.abs(value - other[at]) < 1e-6));
  }
}

async function schemaIsObeyed() {
  const schema = {
    type: "object",
    properties: { sum: { type: "integer" } },
    required: ["sum"],
    additionalProperties: false,
  };
  const answer = await client.chat.completions.create({
    model: "basis-tiny",
    messages: SUM,
    max_tokens: 64,
    temperature: 0,
    response_format: { type: "json_schema", json_schema: { name: "sum", strict: true, schema } },
  });
  assert.equal(typeof JSON.parse(answer.choices[0].message.content).sum, "number");
}

async function logprobsCome() {
  const answer = await client.chat.completions.create({
    model: "basis-tiny",
    messages: SUM,
    max_tokens: 16,
    temperature: 0,
    logprobs: true,
    top_logprobs: 2,
  });
  assert.ok(answer.choices[0].logprobs.content.every((token) => token.logprob <= 0));
}

async function toolsAreAccepted() {
  const answer = await client.chat.completions.create({
    model: "basis-tiny",
    messages: SUM,
    max_tokens: 32,
    tools: [WEATHER],
    tool_choice: "auto",
  });
  for (const call of answer.choices[0].message.tool_calls ?? []) {
    JSON.parse(call.function.arguments);
  }
  assert.ok(["stop", "length", "tool_calls"].includes(answer.choices[0].finish_reason));
}

async function modelsAreListed() {
  const names = [];
  for await (const model of client.models.list()) {
    names.push(model.id);
  }
  assert.ok(names.includes("basis-tiny"));
  assert.equal((await client.models.retrieve("basis-tiny")).id, "basis-tiny");
}

async function errorsHaveTheirClasses() {
  const stranger = new OpenAI({ baseURL: `${url}/v1`, apiKey: "sk-basis-no", maxRetries: 0 });
  const ask = (model, more = {}) =>
    client.chat.completions.create({ model, messages: SUM, ...more });
  await assert.rejects(stranger.models.list(), OpenAI.AuthenticationError);
  await assert.rejects(ask("gpt-9"), OpenAI.NotFoundError);
  await assert.rejects(ask("basis-tiny", { n: 2 }), (error) => {
    assert.ok(error instanceof OpenAI.BadRequestError);
    assert.equal(error.param, "n");
    return true;
  });
  await assert.rejects(ask("basis-default"), (error) => {
    assert.ok(error instanceof OpenAI.InternalServerError);
    assert.deepEqual([error.status, error.code], [503, "runtime_pending"]);
    return true;
  });
}

const checks = [
  chatIsAnswered,
  chatStreams,
  streamCanBeLeft,
  completionContinues,
  embeddingsAreFloats,
  schemaIsObeyed,
  logprobsCome,
  toolsAreAccepted,
  modelsAreListed,
  errorsHaveTheirClasses,
];
for (const check of checks) {
  await check();
  console.log(JSON.stringify({ held: check.name }));
}
