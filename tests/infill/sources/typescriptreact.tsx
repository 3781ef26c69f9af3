import React, { useState } from 'react';

// One button that's counting.
export function Counter({ start, label = "clicks" }: { start: number; label?: string }) {
  const [count, setCount] = useState<number>(start);
  return (
    <div className="counter" style={{ color: 'red' }}>
      {/* the "button" */}
      <button onClick={() => setCount(count + 1)} disabled={count > 10}>
        {count} {label} so far
      </button>
      {count === 0 ? <p title="none">Nothing yet</p> : null}
      <img src={`/img/${count}.png`} alt='' />
    </div>
  );
}
