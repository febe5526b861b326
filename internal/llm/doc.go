// Package llm asks models on servers that speak the OpenAI chat completions
// API, and streams their answers.
//
// Requests, authentication, redirects and HTTP retries are openai-go's. What
// comes back is read here, strictly: an answer is whole when the server gave a
// finish reason, and everything else ends in an error with a [deja.Code],
// never in a short answer that looks complete. Servers differ in details
// (reasoning fields, tool call indexes, fields that they do not know); those
// differences end here.
package llm
