// Package llmtest is a scripted server that speaks the OpenAI chat completions
// API, for tests and for trying deja without a model.
//
// A [Server] validates requests strictly, plays a script of [Step] values for
// each, streamed or not, as the request asks, and counts exactly. Without a
// script it repeats the question. Steps can wait for channels, so that tests
// need no sleeps; [NewPipeServer] keeps all traffic in memory, so that tests of
// timeouts can run inside a testing/synctest bubble.
package llmtest
