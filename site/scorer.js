// Sphinx's own numbers for its search, but that the course and the texts come before code and its reference.
var Scorer = {
  score: ([page, , , , score]) => (/^(api|code)\//.test(page) ? score / 20 : score),
  objNameMatch: 11,
  objPartialMatch: 6,
  objPrio: { 0: 15, 1: 5, 2: -5 },
  objPrioDefault: 0,
  title: 15,
  partialTitle: 7,
  term: 5,
  partialTerm: 2,
};
