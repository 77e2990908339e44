// Before the first paint: the colours that were chosen, and which view.
// Not a module, because those run later.

(() => {
    const root = document.documentElement;

    root.classList.add('js');
    root.dataset.view = ['#images', '#nodes'].includes(location.hash)
                        ? location.hash.slice(1) : 'capacity-monitor';

    // without the other scripts there is nothing to see

    setTimeout(() => {
        if (!('alive' in root.dataset)) {
            root.classList.remove('js');
            document.getElementById('frozen').hidden = false;
        }
    }, 10000);

    try {
        const theme = localStorage.getItem('caphealth-theme');

        if (theme === 'light' || theme === 'dark') {
            root.dataset.theme = theme;
        }

    } catch {
        // no storage: as the system
    }
})();
