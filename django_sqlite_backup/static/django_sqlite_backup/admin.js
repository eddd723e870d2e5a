// Moves the bar of a run that a worker carries out. Without this the page is loaded anew instead.
'use strict';

const SECOND = 1000;

async function follow(element) {
    const bar = element.querySelector('progress');
    const text = element.querySelector('p');
    try {
        const response = await fetch(element.dataset.backupProgress, {credentials: 'same-origin'});
        if (response.ok) {
            const progress = await response.json();
            if (progress.over) {
                window.location.reload();
                return;
            }
            bar.max = progress.total || 1;
            bar.value = progress.completed;
            text.textContent = progress.text;
        }
    } catch {
        // The server or the network is away for a moment: asked again.
    }
    setTimeout(follow, SECOND, element);
}

document.addEventListener('DOMContentLoaded', () => {
    document.querySelectorAll('[data-backup-progress]').forEach(follow);
});
