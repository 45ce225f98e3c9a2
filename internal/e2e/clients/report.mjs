// A reporter for node --test-reporter: one JSON object a line, for go test to read.

export default async function* report(events) {
  for await (const { type, data } of events) {
    if (type !== "test:pass" && type !== "test:fail") continue;
    const cause = data.details.error?.cause ?? data.details.error;
    yield `${JSON.stringify({
      name: data.name,
      nesting: data.nesting,
      passed: type === "test:pass",
      skipped: data.skip !== undefined || data.todo !== undefined,
      error: cause?.stack ?? (cause && String(cause)) ?? "",
    })}\n`;
  }
}
