exports.default = (/** @type {string} */ word) => `old ${word}`;
exports.named = () => 'named';
