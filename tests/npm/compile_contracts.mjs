// Compiles the Solidity files of a folder and prints {"Contract": {"abi": [...], "bytecode": "0x..."}}.
// Imports are looked up among the npm packages here.

import { readFileSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import solc from "solc";

const packages = join(dirname(fileURLToPath(import.meta.url)), "node_modules");
const folder = process.argv[2];

const sources = {};
for (const name of readdirSync(folder).filter((name) => name.endsWith(".sol"))) {
  sources[name] = { content: readFileSync(join(folder, name), "utf8") };
}
const input = {
  language: "Solidity",
  sources,
  settings: {
    optimizer: { enabled: true, runs: 200 },
    evmVersion: "cancun",
    outputSelection: { "*": { "*": ["abi", "evm.bytecode.object"] } },
  },
};

function findImport(path) {
  try {
    return { contents: readFileSync(join(packages, path), "utf8") };
  } catch (error) {
    return { error: `${path}: ${error.code}` };
  }
}

const output = JSON.parse(solc.compile(JSON.stringify(input), { import: findImport }));
const errors = (output.errors ?? []).filter((error) => error.severity === "error");
if (errors.length > 0) {
  console.error(errors.map((error) => error.formattedMessage).join("\n"));
  process.exit(1);
}
const compiled = {};
for (const name of Object.keys(sources)) {
  for (const [contract, made] of Object.entries(output.contracts[name])) {
    compiled[contract] = { abi: made.abi, bytecode: `0x${made.evm.bytecode.object}` };
  }
}
console.log(JSON.stringify(compiled));
