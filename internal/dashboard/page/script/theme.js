// Before the first paint: the colours that were chosen here last time.
try {
  const chosen = localStorage.getItem('deja-theme');
  if (chosen === 'light' || chosen === 'dark') document.documentElement.dataset.theme = chosen;
} catch {
  // Without storage the system's colours are shown.
}
